"""The packages for arm64: cross-built; under an emulator a node starts, answers and stops."""
import subprocess
from packages import cross_root, fields, inside, main, one, packages

NODE = """
cd /tmp
cat >n.yaml <<'EOF'
admin: { listen: "unix:/tmp/n.sock" }
lua: { start: main, service_path: ["/tmp/?.lua"] }
EOF
cat >main.lua <<'EOF'
local skynet = require "skynet"
require "skynet.manager"
local crypt = require "skynet.crypt"
skynet.start(function()
	skynet.register ".main"
	skynet.dispatch("lua", function(_, _, word)
		skynet.ret(skynet.pack(crypt.hexencode(word)))
	end)
end)
EOF
Q=qemu-aarch64-static
$Q /usr/sbin/harbord --version
$Q /usr/sbin/harbord --check n.yaml
$Q /usr/sbin/harbord --node n n.yaml >log 2>&1 &
node=$!
i=0
until grep -q ready: log; do
	i=$((i + 1))
	[ $i -lt 600 ] && kill -0 $node || { cat log; exit 1; }
	sleep .1
done
$Q /usr/bin/harborctl --socket n.sock call .main arm
$Q /usr/bin/harborctl --socket n.sock status
kill -TERM $node
wait $node && echo "stopped with 0"
cat log
"""


def is_built(build):
    """cross-built where only libraries of arm64 are"""
    deb = one(packages("arm64"), "harbord")
    assert fields(deb, "Architecture") == "arm64"
    assert "lua5.4 (= 5.4.4-" in fields(deb, "Built-Using")


def same_for_all(build):
    """what is for all architectures is the same as built natively"""
    for name in ("harbord-dev", "harbord-doc"):
        with open(one(packages("arm64"), name), "rb") as a, \
                open(one(packages("native"), name), "rb") as b:
            assert a.read() == b.read(), name


def runs(build):
    """under qemu a node says its version, checks a configuration, starts, answers and stops"""
    folder = packages("arm64")
    p = inside(cross_root(), f'dpkg --unpack --force-depends "$1"\n{NODE}', one(folder, "harbord"),
               binds=[folder])
    for wanted in ("code and tables shared", "no errors", "61726d", "stopped with 0"):
        assert wanted in p.stdout, f"{wanted}: {p.stdout[-3000:]} {p.stderr[-2000:]}"


main([is_built, runs, same_for_all])
