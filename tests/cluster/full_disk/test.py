#!/usr/bin/python3
"""A disk that is full: what harborctl says of the node that cannot write, and that it goes on when
there is room again."""
import os, subprocess
from harness import Cluster, Failed, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))


class Disk:
    """A small file system of its own; `there` is false where none may be made."""

    def __init__(self, folder):
        self.folder = folder
        os.mkdir(folder)
        self.there = not os.system(f"mount -t tmpfs -o size=2m none {folder} 2>/dev/null")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.there:
            os.system(f"umount -l {self.folder}")

    def fill(self):
        with open(self.folder + "/ballast", "wb", buffering=0) as f:
            try:
                while f.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def empty(self):
        os.unlink(self.folder + "/ballast")


def status(n):
    """harborctl status for people: exit status, what it shows, why it is not well."""
    p = subprocess.run([n.cluster.build + "/harborctl", "-s", n.socket, "status"],
                       capture_output=True, text=True, timeout=10)
    return p.returncode, p.stdout, p.stderr


def the_registry(build):
    """a master whose registry cannot be saved says so: status 4 with the file and the reason, in
    the status line, `master`, the metrics and once in the log; nothing is given out meanwhile"""
    with Cluster(build, HERE) as c, Disk(c.tmp + "/state") as disk:
        if not disk.there:
            print("# not shown: no file system can be mounted here")
            return
        m, a = c.node("m", 1, master=True).ready(), c.node("a", 2).ready()
        assert a.call(".probe", "name", "FIRST")[0] is True
        assert "save_error" not in m.ctl("master")
        disk.fill()
        assert a.call(".probe", "name", "SECOND")[0] is False

        def sick():
            code, out, err = status(m)
            return code == 4 and "registry.sqlite: database or disk is full" in err and out
        shown = eventually("the master says what is wrong", sick)
        line = [x for x in shown.splitlines() if x.startswith("line ")][0]
        assert "the registry cannot be saved: " in line, line
        assert "disk is full" in m.ctl("master")["save_error"]
        assert m.ctl("status")["healthy"] is False and a.ctl("status")["healthy"] is True
        late = c.node("late", 3)
        eventually("it waits", lambda: late.ctl("status")["state"] == "joining")
        disk.empty()
        late.ready()
        eventually("the master is well again", lambda: status(m)[0] == 0)
        assert "save_error" not in m.ctl("master")
        assert a.call(".probe", "name", "THIRD")[0] is True
        with open(m.log) as f:
            lines = [x for x in f if "registry: " in x and "in memory" not in x]
        # it is tried again each second: not a line each time
        assert len(lines) == 2 and "no node joins and no name is given" in lines[0], lines
        assert "saved again" in lines[1], lines


def the_log(build):
    """lines that could not be written are counted, and status warns of them while that is news"""
    with Cluster(build, HERE) as c, Disk(c.tmp + "/log") as disk:
        if not disk.there:
            print("# not shown: no file system can be mounted here")
            return
        m = c.node("m", 1, master=True, start_now=False)
        with open(m.config, "a") as f:
            f.write(f"log: {{ file: {disk.folder}/m.log }}\n"
                    f"admin: {{ listen: unix:{c.tmp}/m.sock }}\n")
        m.start().found = c.tmp + "/m.sock"
        m.ready()
        assert m.ctl("status")["warnings"] == []
        disk.fill()
        m.call(".probe", "log", "300")
        shown = eventually("lines are lost", lambda: (
            lambda s: s["log_lines_dropped"] > 0 and s["warnings"] and s)(m.ctl("status")))
        assert "lines of the log were lost, the last one" in shown["warnings"][0], shown
        assert shown["warnings"][0].endswith(" s ago: No space left on device"), shown
        assert shown["healthy"] is True
        disk.empty()
        m.call(".probe", "log", "1")
        eventually("it says so when it can", lambda: "could not be written: No space left" in
                   open(disk.folder + "/m.log").read())


main([the_registry, the_log])
