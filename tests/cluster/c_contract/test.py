#!/usr/bin/python3
"""The C contract from outside: `make install` into a folder, C services and C Lua libraries built
against it with pkg-config alone,
	and run by the installed harbord. The sources are in tests/external."""
import os, re, subprocess, sys, tempfile
from stock import sanitizer

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
EXTERNAL = ROOT + "/tests/external"
LIMIT = 120


def run(what, argv, **kw):
    p = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=LIMIT,
                       stdin=subprocess.DEVNULL, **kw)
    if p.returncode:
        print(f"not ok - {what}\n# " + (p.stdout + p.stderr)[-6000:].replace("\n", "\n# "))
        sys.exit(1)
    return p


def main():
    build = os.path.abspath(sys.argv[sys.argv.index("--build") + 1])
    with tempfile.TemporaryDirectory(prefix="harbor-test-") as tmp:
        prefix, out = tmp + "/usr", tmp + "/modules"
        os.makedirs(out + "/sub")
        # what is built is what is installed: the tree may have changed since
        run("make install", ["make", "-s", "-C", ROOT, "-o", "all", f"B={build}",
                             f"prefix={prefix}", "install"])
        env = dict(os.environ, PKG_CONFIG_PATH=prefix + "/lib/pkgconfig")
        flags = run("pkg-config", ["pkg-config", "--cflags", "--libs", "harbord"],
                    env=env).stdout.split()
        assert f"-I{prefix}/include/harbord" in flags, flags
        assert re.match(r"\d+\.\d+\.\d+",
                        run("pkg-config", ["pkg-config", "--modversion", "harbord"],
                            env=env).stdout)
        run("the modules build", ["make", "-s", "-C", EXTERNAL, f"OUT={out}",
                                  "CFLAGS=-O1 -g " + " ".join(sanitizer(build))], env=env)
        os.symlink(out + "/plain.so", out + "/sub.plain.so")
        log = tmp + "/node.log"
        with open(tmp + "/config.lua", "w") as f:
            f.write(f'harbor = 0\nthread = 2\nstart = "contract"\nlogger = "{log}"\ntest_log = '
                    f'"{log}"\n'
                    f'cpath = "{out}/?.so"\nlua_cpath = "{out}/?.so"\n'
                    f'luaservice = "{EXTERNAL}/?.lua"\nlua_path = "{ROOT}/tests/lua/?.lua"\n')
        try:
            p = subprocess.run([prefix + "/sbin/harbord", tmp + "/config.lua"], capture_output=True,
                               text=True,
                               errors="replace", timeout=LIMIT, stdin=subprocess.DEVNULL,
                               env=dict(os.environ, XDG_RUNTIME_DIR=tmp))
            status, text, err = p.returncode, p.stdout, p.stderr
        except subprocess.TimeoutExpired as e:
            status, text, err = "timeout", str(e.stdout), str(e.stderr)
        print(text, end="")
        memory = re.search(r"^\[:[0-9a-f]{8}\] parrot \S+$", err, re.M)
        print("ok - skynet_debug_memory" if memory
              else "not ok - skynet_debug_memory writes to stderr")
        if status or "\n1.." not in "\n" + text or "not ok" in text or not memory:
            with open(log, errors="replace") as f:
                print(f"# status {status}\n" + (f.read() + err)[-6000:])
            sys.exit(1)


main()
