"""The packages: built offline from what they declare, the same twice, and lintian has no word."""
import glob, os, re, subprocess, tempfile
from packages import ROOT, build_root, fields, inside, main, one, packages

NAMES = ["harbord", "harbord-dev", "harbord-doc", "harbord-dbgsym"]


def is_built(build):
    """built where only the declared packages are, without a network: four packages"""
    folder = packages("native")
    found = sorted(os.path.basename(f).split("_")[0] for f in glob.glob(folder + "/*.deb"))
    assert found == sorted(NAMES), found
    for word in ("harbord-dev", "harbord-doc"):
        assert fields(one(folder, word), "Architecture") == "all"
    assert "lua5.4 (= 5.4.4-" in fields(one(folder, "harbord"), "Built-Using")
    with open(folder + "/log", encoding="utf-8") as f:
        assert "code and tables shared between services" in f.read(), "it has the stock VM"


def lintian(build):
    """lintian has neither an error nor a warning"""
    p = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning",
                        one(packages("native"), "harbord", ".changes")],
                       capture_output=True, text=True)
    assert p.returncode == 0 and not re.search("^[EW]:", p.stdout, re.M), p.stdout + p.stderr


def reproducible(build):
    """built again in another folder each package is the same, byte by byte"""
    first, second = packages("native"), packages("again")
    for name in NAMES:
        with open(one(first, name), "rb") as a, open(one(second, name), "rb") as b:
            assert a.read() == b.read(), f"{name}: diffoscope {a.name} {b.name}"


def contents(build):
    """the packages have what `make install` installs, each file once"""
    with open(ROOT + "/tests/install/manifest.txt", encoding="ascii") as f:
        wanted = set(f.read().split())
    found = []
    for name in NAMES[:3]:
        out = subprocess.run(["dpkg-deb", "-c", one(packages("native"), name)],
                             capture_output=True, text=True, check=True).stdout
        found += [line.split()[5][2:] for line in out.splitlines() if line[0] != "d"]
    plain = {re.sub(r"^lib/systemd", "usr/lib/systemd", re.sub(r"(man/man./.*)\.gz$", r"\1", f))
             .replace("share/pkgconfig", "lib/pkgconfig") for f in found}
    assert wanted <= plain, sorted(wanted - plain)
    assert len(found) == len(set(found))


def headers(build):
    """a C module compiles against harbord-dev alone"""
    source = '#include "skynet.h"\n#include <lua.h>\nint luaopen_x(lua_State *L) { return 0; }\n'
    with tempfile.TemporaryDirectory() as t:
        with open(t + "/x.c", "w", encoding="ascii") as f:
            f.write(source)
        p = inside(build_root(), 'dpkg -i "$1" && cd "$2" && gcc -Wall -Werror -shared -fPIC '
                   '$(pkg-config --cflags harbord) -o x.so x.c',
                   one(packages("native"), "harbord-dev"), t, binds=[t, packages("native")])
        assert p.returncode == 0 and os.path.exists(t + "/x.so"), p.stdout + p.stderr


main([is_built, lintian, contents, headers, reproducible])
