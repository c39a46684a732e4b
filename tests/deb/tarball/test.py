"""The tarball of `make dist`: it builds, checks, installs, packs and packages itself where it is no
clone, also in a repository of somebody's, whose git knows nothing of it."""
import os, shutil, subprocess, tarfile, tempfile
import packages as p
from harness import Failed


def members(path):
    """Names below the one folder of a tarball, and what can be executed."""
    with tarfile.open(path) as t:
        return {m.name.split("/", 1)[1]: m.mode & 0o111 for m in t if m.isfile()}


class Unpacked:
    """The tarball in a folder of a repository that is none of ours."""

    def __enter__(self):
        self.above = tempfile.mkdtemp(prefix="harbord-tarball-")
        os.chmod(self.above, 0o755)
        subprocess.run(["git", "init", "-q", self.above], check=True)
        self.tree = self.above + "/harbord"
        p.unpack(self.tree)
        shutil.copytree(p.ROOT + "/build/lua-source", self.tree + "/build/lua-source")
        return self

    def __exit__(self, *error):
        shutil.rmtree(self.above)

    def make(self, *words):
        return p.make(self.tree, f"-j{os.cpu_count()}", f"CC={os.environ.get('CC', 'gcc')}", *words)


def by_itself(build):
    """it has the files of the tree; it builds, its layers, documents and installation are those of
    the tree, and what it packs is what it is"""
    own = members(f"{p.ROOT}/{p.make(p.ROOT, 'dist').strip()}")
    assert sorted(own) == p.names(), set(own) ^ set(p.names())
    with Unpacked() as u:
        u.make("all", "man")
        assert members(f"{u.tree}/{u.make('dist').strip()}") == own
        for words in (["tests/run.py", "--build", "build", "layers"],
                      ["tests/install/test.py", "--build", "build"]):
            r = subprocess.run(["/usr/bin/python3", *words], cwd=u.tree, capture_output=True,
                               text=True)
            if r.returncode:
                raise Failed(r.stdout[-6000:] + r.stderr[-1000:])
            print("# " + r.stdout.strip().splitlines()[-1])


def packages(build):
    """its packages are those of the tree, byte by byte"""
    of_tree, own = p.packages("native"), p.packages("tarball")
    for name in ("harbord", "harbord-dev", "harbord-doc", "harbord-dbgsym"):
        with open(p.one(of_tree, name), "rb") as a, open(p.one(own, name), "rb") as b:
            assert a.read() == b.read(), f"{name}: diffoscope {a.name} {b.name}"


p.main([by_itself, packages], "git")
