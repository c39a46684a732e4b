"""The container file: built on a bare Debian, a node in it starts, answers and stops."""
import os, shutil, subprocess, tempfile
import packages as p
from harness import Failed

MAIN = """local skynet = require "skynet"
require "skynet.manager"
skynet.start(function()
	skynet.register ".main"
	skynet.dispatch("lua", function(_, _, word) skynet.ret(skynet.pack(word)) end)
end)
"""
NODE = 'lua: { start: main, service_path: ["/game/?.lua"] }\n'
# The entry point of the image, as its user.
SCRIPT = """
id -un
/usr/sbin/harbord --instance node 2>/tmp/log &
node=$!
i=0
until grep -q ready: /tmp/log; do
	i=$((i + 1))
	[ $i -lt 300 ] || { cat /tmp/log; exit 1; }
	sleep .1
done
harborctl call .main hello
harborctl stop >/tmp/stop
wait $node
echo "status $?"
"""


def image(build):
    """an image is built; a node in it runs as _harbor, answers and stops with 0"""
    folder = tempfile.mkdtemp(prefix="harbord-container-", dir="/var/tmp")
    buildah = ["buildah", "--root", folder + "/root", "--runroot", folder + "/run",
               "--storage-driver", "vfs"]

    def run(*words):
        r = subprocess.run([*buildah, *words], capture_output=True, text=True, timeout=900,
                           stdin=subprocess.DEVNULL)
        if r.returncode:
            raise Failed(f"buildah {words[0]}: {r.stdout[-2000:]}{r.stderr[-2000:]}")
        return r.stdout

    try:
        base = run("from", "scratch").strip()
        run("add", "-q", base, p.root("bare"), "/")
        run("commit", "-q", base, "localhost/base")
        context = folder + "/context"
        os.makedirs(context + "/game")
        shutil.copy(p.ROOT + "/deploy/Containerfile", context)
        shutil.copy(p.one(p.packages("native"), "harbord"), context)
        with open(context + "/game/main.lua", "w", encoding="ascii") as f:
            f.write(MAIN)
        with open(context + "/node.yaml", "w", encoding="ascii") as f:
            f.write(NODE)
        run("bud", "--isolation", "chroot", "--network", "host", "-q", "--build-arg",
            "BASE=localhost/base", "-t", "harbord", "-f", context + "/Containerfile", context)
        node = run("from", "localhost/harbord").strip()
        said = run("run", "--isolation", "chroot", "-v", context + "/game:/game:ro", "-v",
                   context + "/node.yaml:/etc/harbor/node.yaml:ro", node, "--", "sh", "-c", SCRIPT)
        assert said.split() == ["_harbor", "hello", "status", "0"], said
        wanted = '"Entrypoint": [ "/usr/sbin/harbord", "--instance", "node" ]'
        assert wanted in " ".join(run("inspect", "--type", "image", "localhost/harbord").split())
    finally:
        for words in (("rm", "-a"), ("rmi", "-a", "-f")):
            subprocess.run([*buildah, *words], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


p.main([image], "buildah")
