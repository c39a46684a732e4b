#!/usr/bin/python3
"""The package is upgraded while a node runs: its files are those of another version now. The node
goes on with those that it was started with, and its next start has the new ones."""
import glob, os, subprocess
from harness import Cluster, main

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
LUA = ["skynet.queue", "http.httpd", "skynet.db.redis", "skynet.mqueue", "skynet.snax"]
C = ["skynet.crypt", "md5.core", "skynet.dns.core", "http.deflate", "ltls.c"]


class Installed(Cluster):
    """Nodes of an installation of their own, as of a package."""

    def __enter__(self):
        super().__enter__()
        tree = os.path.relpath(self.build, ROOT)
        self.root = self.tmp + "/root"
        subprocess.run(["make", "-s", "-C", ROOT, f"B={tree}", "DESTDIR=" + self.root,
                        "prefix=/usr", "sysconfdir=/etc", "install"], check=True,
                       env={k: v for k, v in os.environ.items() if "MAKE" not in k})
        self.build = self.tmp + "/programs"
        os.mkdir(self.build)
        os.symlink(self.root + "/usr/sbin/harbord", self.build + "/harbord")
        os.symlink(self.root + "/usr/bin/harborctl", self.build + "/harborctl")
        self.n = self.node("n", 1, master=True).ready()
        return self

    def need(self, *names):
        said, = self.n.call(".main", "need", *names, limit=30)
        return said

    def files(self, ending):
        return glob.glob(f"{self.root}/usr/**/*.{ending}", recursive=True)


def put(path, text):
    """As dpkg does: beside it, and renamed."""
    with open(path + ".dpkg-new", "w", encoding="ascii") as f:
        f.write(text)
    os.rename(path + ".dpkg-new", path)


def upgraded(build):
    """all Lua files and C modules are replaced, some are gone: new services and the first commands
    of an operator have those of before; the next start has the new ones"""
    with Installed(build, HERE) as c:
        assert c.need(LUA[0]) == "well"
        for path in c.files("lua"):
            put(path, 'error "of another version"')
        modules = c.files("so")
        assert len(modules) >= 8, modules
        for path in modules:
            put(path, "no object")
        os.remove(c.root + "/usr/share/harbord/lua/lib/skynet/mqueue.lua")
        assert c.need(*LUA, *C) == " ".join(["well"] * len(LUA + C)), c.need(*LUA, *C)
        # beyond the second in which the cache asks nobody
        assert c.need(*C, *LUA) == " ".join(["well"] * len(LUA + C)), c.need(*C, *LUA)
        assert c.n.call(".main", "launch", "gate")[0].startswith(":"), "a gate"
        assert any(s["service"].startswith("snlua gate") for s in c.n.ctl("list")["services"])
        c.n.ctl("drain", "n", "--status")
        c.n.call(".main", "launch", "needs")
        assert not c.n.logged("another version")
        assert c.n.stop() == 0
        assert c.n.start().process.wait(20) != 0
        assert c.n.logged("of another version")


def edited(build):
    """a file of ours that is edited in its place is the edited one, as one of the program is"""
    with Installed(build, HERE) as c:
        path = c.root + "/usr/share/harbord/lua/lib/skynet/queue.lua"
        with open(path, "r+", encoding="ascii") as f:
            f.write('do return { marked = "edited" } end\n')
            f.truncate()
        assert c.need("skynet.queue") == "edited"


if __name__ == "__main__":
    main([upgraded, edited])
