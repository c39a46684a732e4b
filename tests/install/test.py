#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make install` as somebody without rights from a source tree that cannot be written; what is
there then is what manifest.txt lists, and the Lua files and the reference as they lie in the tree.
A second time changes nothing, what is installed runs, and `make uninstall` leaves no file.

usage: test.py --build DIR [--list]     --list: only compare the names, without installing
"""
import os, re, shutil, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.relpath(sys.argv[sys.argv.index("--build") + 1], ROOT)
NOBODY = 65534
PROGRAMS = r"usr/(s?bin/|libexec/harbord/fleet/(steps|host))"
count = 0


def check(good, name, more=""):
    global count
    count += 1
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good:
        print(more)
        sys.exit(1)


def make(*words, prefix="/usr", wrap=()):
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    p = subprocess.run([*wrap, "make", "-s", "-C", ROOT, "--no-print-directory", f"B={BUILD}",
                        f"prefix={prefix}", *words], capture_output=True, text=True, env=env)
    if p.returncode:
        raise SystemExit(f"not ok {count + 1} - make {' '.join(words)}\n{p.stdout}{p.stderr}")
    return p.stdout


def files(folder, ending):
    for path, _, names in os.walk(os.path.join(ROOT, folder)):
        for name in names:
            if name.endswith(ending):
                yield os.path.relpath(os.path.join(path, name), os.path.join(ROOT, folder))


def wanted():
    """Every file, below /usr as the only prefix."""
    with open(HERE + "/manifest.txt", encoding="ascii") as f:
        names = set(f.read().split())
    for folder in ("lib", "service"):
        names |= {f"usr/share/harbord/lua/{folder}/{f}" for f in files("lua/" + folder, ".lua")}
    names |= {f"usr/share/doc/harbord/{f}" for f in files("lua/doc", ".md")
              if not f.startswith("ref/")}
    names |= {f"usr/share/doc/harbord/library/{f}" for f in files("lua/doc/library", ".lua")}
    return names | {f"usr/share/doc/harbord/examples/{f}" for f in files("conf", ".yaml")} | \
        {"usr/share/doc/harbord/examples/services/main.lua"}


def compare(found, name):
    missing, more = sorted(wanted() - found), sorted(found - wanted())
    check(not missing and not more, name,
          f"not installed: {missing}\nnot in {HERE}/manifest.txt: {more}")


def tree(stage):
    """(path, mode, time of the last change, owner) of all that is not a folder."""
    result = {}
    for path, _, names in os.walk(stage):
        for name in names:
            s = os.lstat(os.path.join(path, name))
            result[os.path.relpath(os.path.join(path, name), stage)] = (
                s.st_mode & 0o7777, s.st_mtime_ns, s.st_ino, s.st_uid)
    return result


def unprivileged():
    """How to run make as nobody, over a read-only bind of the tree; a list of words."""
    if os.geteuid() != 0:
        return [], os.geteuid()
    seen = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                           "test", "-r", f"{ROOT}/Makefile", "-a", "-x", f"{ROOT}/{BUILD}/harbord"])
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if seen.returncode: # a tree that only root can read: root without any capability
        user = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        print("# the sources are not read-only: no mounts of our own in a chroot")
        return ["setpriv", *user], 0 if seen.returncode else NOBODY
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec setpriv "$@"'
    return (["unshare", "--mount", "sh", "-c", script, ROOT, *user],
            0 if seen.returncode else NOBODY)


def sysctl():
    """The kernel knows every key of the sample and takes its values, in a network of its own."""
    sample = ROOT + "/deploy/sysctl/60-harbor.conf"
    if os.geteuid() != 0 or not shutil.which("sysctl"):
        print(f"ok {count + 1} - the sample for sysctl # SKIP needs root and sysctl")
        return
    p = subprocess.run(["unshare", "--net", "sysctl", "-e", "-p", sample], capture_output=True,
                       text=True)
    with open(sample, encoding="ascii") as f:
        wanted = [line for line in f.read().splitlines() if line[:1].isalpha()]
    check(p.returncode == 0 and p.stdout.splitlines() == wanted,
          "the kernel takes the sample for sysctl", p.stdout + p.stderr)


def main():
    names = {line.lstrip("/") for line in make("installed").split()}
    compare(names, "what is installed is what the manifest lists")
    if "--list" in sys.argv:
        return
    make("all", "man")
    wrap, uid = unprivileged()
    stage = tempfile.mkdtemp(prefix="harbord-install-")
    try:
        os.chmod(stage, 0o755)
        if uid == NOBODY:
            os.chown(stage, NOBODY, NOBODY)
        full(stage, wrap, uid)
        sysctl()
    finally:
        shutil.rmtree(stage)


def full(stage, wrap, uid):
    dest = f"DESTDIR={stage}"
    make("install", dest, wrap=wrap)
    first = tree(stage)
    compare(set(first), "it is there, installed by somebody without rights, the source read-only")
    modes = {p: oct(m[0]) for p, m in first.items()
             if m[0] != (0o755 if re.match(PROGRAMS, p) else 0o644) or m[3] != uid}
    check(not modes, "modes and owner", modes)
    make("install", dest, wrap=wrap)
    check(tree(stage) == first, "a second time changes no file")
    with open(stage + "/etc/logrotate.d/harbord", "a", encoding="utf-8") as f:
        f.write("# an operator was here\n")
    changed = tree(stage)
    make("install", dest, wrap=wrap)
    make("uninstall", dest, wrap=wrap)
    check(tree(stage).get("etc/logrotate.d/harbord") == changed["etc/logrotate.d/harbord"],
          "a configuration that somebody changed is kept, also by uninstall", tree(stage))
    os.remove(stage + "/etc/logrotate.d/harbord")
    make("install", dest, wrap=wrap)
    said = make("installcheck", dest, wrap=wrap)
    check(said.count("no errors") == 3, "what is installed runs and finds its files", said)
    with open(f"{stage}/usr/lib/systemd/system/harbord@.service", encoding="utf-8") as f:
        unit = f.read()
    check("ExecStart=/usr/sbin/harbord " in unit and "@" not in
          re.sub(r"harbord@|@system-service|@privileged|@resources", "", unit),
          "the unit names the installed program, and no mark is left", unit)
    make("uninstall", dest, wrap=wrap)
    left = [os.path.join(p, n) for p, d, f in os.walk(stage) for n in f + d
            if n in f or "harbor" in n]
    check(not left, "uninstall leaves no file and no folder of its own", left)
    make("install", dest, prefix="/opt/harbord", wrap=wrap)
    with open(f"{stage}/opt/harbord/lib/systemd/system/harbord@.service", encoding="utf-8") as f:
        check("ExecStart=/opt/harbord/sbin/harbord " in f.read(), "units follow the prefix")
    with open(f"{stage}/opt/harbord/lib/pkgconfig/harbord.pc", encoding="utf-8") as f:
        check("includedir=/opt/harbord/include" in f.read(), "so does pkg-config's file")


main()
