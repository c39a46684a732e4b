"""Debian packages for tests: built where only what deploy/debian/control declares is installed, and
without a network; and the roots (roots.sh) in which they are built, installed and run.

    folder = packages("native")     build/deb/native with the .deb files of this tree

Kinds: native, again (the same in another folder, to be compared), arm64, tarball (of what `make
dist` made, where there is no git), earlier (of an earlier commit of this tree, as version 0.0.9:
HARBORD_TEST_EARLIER, or EARLIER). A tree that has not changed since is not built again, and none is
with HARBORD_KEEP_PACKAGES=1 in the environment.
"""
import glob, hashlib, os, re, shutil, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TOOLS = ["build-essential", "fakeroot"]
CROSS = ["crossbuild-essential-arm64", "qemu-user-static"]
# The first commit whose package builds and can do what a fleet and its players need. It is patched:
# nodes of that time would use the files of whatever package is installed, and there has to be a key
# that they do not know, which is node.testing.
EARLIER = "5b39b8f7"
EARLIER_VERSION = "0.0.9"


def why_not(*more):
    """Why there can be no such roots here, or one of `more` programs is missing; None: all is
    there."""
    if os.geteuid() != 0:
        return "needs root, to make Debian roots"
    missing = [t for t in ("debootstrap", "unshare", "dpkg-deb", "lintian", *more)
               if not shutil.which(t)]
    return f"needs {', '.join(missing)} (make check-deb)" if missing else None


def declared():
    """What the packaging needs for a build, without versions."""
    with open(ROOT + "/deploy/debian/control", encoding="utf-8") as f:
        field = re.search(r"^Build-Depends:((?:.*\n)(?:[ \t].*\n)*)", f.read(), re.M)[1]
    return [re.sub(r"\s*\(.*", "", word).strip() for word in field.split(",")]


def root(name, *wanted, suite=None):
    """The folder of a root with these packages, of Debian 12 or another suite."""
    p = subprocess.run([HERE + "/roots.sh", name, *wanted], stdout=subprocess.PIPE, text=True,
                       env=dict(os.environ, **({"HARBORD_SUITE": suite} if suite else {})))
    if p.returncode:
        raise SystemExit(f"roots.sh {name}: status {p.returncode}")
    return p.stdout.strip()


def build_root():
    return root("build", *TOOLS, *(n.split(":")[0] for n in declared()
                                   if not n.startswith(("debhelper", "dh-"))), "debhelper")


def cross_root():
    """Libraries of arm64, tools of this machine; Lua's also of this machine, for its version."""
    own = [n for n in declared() if n.startswith(("debhelper", "dh-")) or n.endswith(":any")]
    return root("cross", *TOOLS, *CROSS, "debhelper", "python3",
                *(n + ":arm64" for n in declared() if n not in own))


def names():
    """What `make dist` puts into its tarball."""
    if os.path.exists(ROOT + "/.git"):
        found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True,
                               text=True).stdout.split("\0")
    else:
        found = (os.path.relpath(os.path.join(folder, name), ROOT)
                 for folder, _, files in os.walk(ROOT) for name in files)
    return sorted(f for f in found if os.path.isfile(os.path.join(ROOT, f))
                  and not f.startswith("build/") and "__pycache__" not in f)


def state():
    """Changes when a file of the tree does."""
    digest = hashlib.sha256()
    for name in names():
        with open(os.path.join(ROOT, name), "rb") as f:
            digest.update(name.encode() + b"\0" + hashlib.sha256(f.read()).digest())
    return digest.hexdigest()


def inside(folder, script, *args, network=False, binds=()):
    """A shell script in a root, whose changes are forgotten; binds: folders that are the same
    there and here. Without a network."""
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    words += [] if network else ["--net"]
    mounts = "".join(f'mkdir -p "$R{b}"; mount --bind "{b}" "$R{b}"; ' for b in binds)
    outer = ('set -e; R=$(mktemp -d); mount -t tmpfs tmpfs "$R"; mkdir "$R/up" "$R/wk" "$R/root"; '
             'mount -t overlay overlay -o "lowerdir=$0,upperdir=$R/up,workdir=$R/wk" "$R/root"; '
             'D=$R; R=$R/root; mount -t proc proc "$R/proc"; mount --bind /dev "$R/dev"; '
             f'mount -t tmpfs -o mode=1777 tmpfs "$R/tmp"; {mounts}'
             'S=$1; shift; exec chroot "$R" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root '
             'LC_ALL=C.UTF-8 sh -ec "$S" sh "$@"')
    return subprocess.run([*words, "sh", "-c", outer, folder, script, *args], text=True,
                          capture_output=True, stdin=subprocess.DEVNULL)


def make(where, *words):
    """Make in a tree, knowing nothing of the one that runs the tests."""
    env = {k: v for k, v in os.environ.items() if "MAKE" not in k}
    p = subprocess.run(["make", "-s", "--no-print-directory", "-C", where, *words], text=True,
                       stdin=subprocess.DEVNULL, capture_output=True, env=env)
    if p.returncode:
        raise SystemExit(f"not ok 1 - make {' '.join(words)}\n" + (p.stdout + p.stderr)[-6000:])
    return p.stdout


def earlier():
    """The commit of the earlier version, in full, or None where there is no such one: in a tarball,
    or in a clone of the last commits."""
    name = os.environ.get("HARBORD_TEST_EARLIER", EARLIER)
    p = subprocess.run(["git", "rev-parse", "--verify", "-q", name + "^{commit}"], cwd=ROOT,
                       capture_output=True, text=True)
    return p.stdout.strip() if p.returncode == 0 and os.path.exists(ROOT + "/.git") else None


def stage_earlier(where):
    """What that commit has, as the version that came before; Lua's source is of this tree."""
    os.makedirs(where)
    with subprocess.Popen(["git", "archive", earlier()], cwd=ROOT, stdout=subprocess.PIPE) as git:
        subprocess.run(["tar", "-x", "-C", where], stdin=git.stdout, check=True)
    if "HARBORD_TEST_EARLIER" not in os.environ:
        with open(HERE + "/versions/earlier.patch", encoding="ascii") as f:
            subprocess.run(["patch", "-s", "-p1", "-d", where], stdin=f, check=True)
    shutil.copytree(where + "/deploy/debian", where + "/debian")
    for name, old in (("CHANGELOG.md", r"^## [0-9.]+"), ("debian/changelog", r"(?<=\()[0-9.]+")):
        with open(f"{where}/{name}", encoding="utf-8") as f:
            text = f.read()
        new = EARLIER_VERSION if "debian" in name else "## " + EARLIER_VERSION
        with open(f"{where}/{name}", "w", encoding="utf-8") as f:
            f.write(re.sub(old, new, text, count=1, flags=re.M))
    for name in glob.glob(ROOT + "/build/lua-source/lua5.4_*"):
        os.makedirs(where + "/debian/lua-source", exist_ok=True)
        shutil.copy2(name, where + "/debian/lua-source")


def unpack(where):
    """What `make dist` makes, unpacked where nothing knows of git."""
    made = make(ROOT, "dist").strip()
    os.makedirs(where)
    subprocess.run(["tar", "-x", "--strip-components=1", "-C", where, "-f", f"{ROOT}/{made}"],
                   check=True)


def stage_tarball(where):
    """The tarball is unpacked, and stages itself. What of Lua's source was fetched is there."""
    unpack(where + "-tree")
    shutil.copytree(ROOT + "/build/lua-source", where + "-tree/build/lua-source")
    make(where + "-tree", "deb-stage", "DEB_STAGE=" + where)


def packages(kind):
    """The folder of the packages of this kind, built if need be."""
    folder = f"{ROOT}/build/deb/{kind}"
    stamp, now = folder + "/.state", earlier() if kind == "earlier" else state()
    if os.path.exists(stamp) and (os.environ.get("HARBORD_KEEP_PACKAGES")
                                  or open(stamp, encoding="ascii").read() == now):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    # folders of other names and lengths: nothing of them may be found in the packages
    where = f"{folder}/another/place/harbord" if kind == "again" else folder + "/harbord"
    if kind == "earlier":
        stage_earlier(where)
    elif kind == "tarball":
        stage_tarball(where)
    else:
        make(ROOT, "deb-stage", "DEB_STAGE=" + where)
    words = "-aarm64 -Pcross,nocheck" if kind == "arm64" else ""
    p = inside(cross_root() if kind == "arm64" else build_root(),
               f'cd "$1" && dpkg-buildpackage -us -uc -b {words}', where, binds=[folder])
    with open(folder + "/log", "w", encoding="utf-8") as f:
        f.write(p.stdout + p.stderr)
    if p.returncode:
        raise SystemExit(f"not ok 1 - the {kind} packages are built\n" + (p.stdout +
                                                                         p.stderr)[-6000:])
    for name in glob.glob(os.path.dirname(where) + "/harbord*_*"):
        if os.path.dirname(name) != folder:
            os.rename(name, f"{folder}/{os.path.basename(name)}")
    with open(stamp, "w", encoding="ascii") as f:
        f.write(now)
    return folder


def one(folder, package, ending=".deb"):
    found = glob.glob(f"{folder}/{package}_*{ending}")
    assert len(found) == 1, (package, found)
    return found[0]


def fields(deb, *names):
    out = subprocess.run(["dpkg-deb", "-f", deb, *names], capture_output=True, text=True,
                         check=True).stdout
    return out.strip()


def run_root(deb, suite=None):
    """A root with what the package depends on, a firewall and sshd."""
    needs = [re.sub(r"\s*[(|].*", "", n).strip() for n in fields(deb, "Depends").split(",")]
    return root("run", *needs, "nftables", "openssh-server", suite=suite)


def newer(deb, folder, version, program=None):
    """Makes the package once more, as of another version: its Lua files, its unit and a file below
    /etc are not the same, and with a text for `program` the daemon is a script, which has the real
    one beside it."""
    tree = f"{folder}/tree"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    with open(tree + "/DEBIAN/control", encoding="utf-8") as f:
        control = re.sub("^Version: .*$", f"Version: {version}", f.read(), flags=re.M)
    with open(tree + "/DEBIAN/control", "w", encoding="utf-8") as f:
        f.write(control)
    with open(tree + "/usr/share/harbord/lua/service/bootstrap.lua", "a", encoding="utf-8") as f:
        f.write(f"\n-- {version}\n")
    for name in ("lib/systemd/system/harbord@.service", "etc/logrotate.d/harbord"):
        with open(f"{tree}/{name}", "a", encoding="utf-8") as f:
            f.write(f"# {version}\n")
    if program:
        daemon = tree + "/usr/sbin/harbord"
        os.rename(daemon, daemon + ".real")
        with open(daemon, "w", encoding="utf-8") as f:
            f.write(program)
        os.chmod(daemon, 0o755)
    out = f"{folder}/harbord_{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, out], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return out


def main(tests, *programs):
    """As harness.main; skipped, with the reason, where there can be no roots or programs."""
    import harness
    reason = why_not(*programs)
    if reason:
        for i, test in enumerate(tests, 1):
            print(f"ok {i} - {(test.__doc__ or test.__name__).splitlines()[0]} # SKIP {reason}")
        print(f"1..{len(tests)}")
        sys.exit(0)
    harness.main(tests)
