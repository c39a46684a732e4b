#!/usr/bin/python3
"""The log of a node with a skynet-style configuration: the stock logger on stdout and in a file,
rotation, a logger of the program's own, a file that cannot be written."""
import os, re, signal, subprocess
from harness import eventually, main
from stock import Stock

HERE = os.path.dirname(os.path.abspath(__file__))


class Logged(Stock):
    """A node of harbor 0."""

    def __init__(self, build, lines, log=""):
        conf = f'harbor = 0\nthread = 2\nstart = "main"\nluaservice = "{HERE}/?.lua"\n{lines}\n'
        super().__init__(build, {"conf.lua": conf}, config="conf.lua", log=log)
        self.start()

    def ready(self):
        eventually("the node is ready", lambda: self.call(".main", "say", "hello"))
        return self


def without_a_logger_lines_go_to_stdout(build):
    """no logger: `[:%08x] text` on stdout, line by line; handle 1 is the logger, 2 the bootstrap"""
    with Logged(build, "") as n:
        n.ready()
        n.call(".main", "say", "two words", "7")
        eventually("the line", lambda: re.search(r"^\[:[0-9a-f]{8}\] two words 7$", n.out, re.M))
        n.call(".main", "say", "first\nsecond")
        eventually("a line with a newline",
                   lambda: re.search(r"^\[:[0-9a-f]{8}\] first\nsecond\n", n.out, re.M))
        out = n.out
        assert "[:00000002] LAUNCH snlua bootstrap\n" in out and "[:00000002] KILL self\n" in out, \
            out
        assert n.call(".main", "logger") == [1]
        assert all(re.match(r"\[:[0-9a-f]{8}\] ", x) or x == "second"
                   for x in out.splitlines()), out
        assert n.end() == 0


def a_logger_is_a_file(build):
    """logger = path: lines with `dd/mm/yy HH:MM:SS.cc`, appended; SIGHUP, harborctl log-reopen and
    a system message to .logger reopen it"""
    with Logged(build, 'logger = "./node.log"', log="node.log") as n:
        n.ready()
        for i, reopen in enumerate((lambda: n.process.send_signal(signal.SIGHUP),
                                    lambda: n.ctl("log-reopen"),
                                    lambda: n.call(".main", "reopen"))):
            old = f"{n.tmp}/old.{i}"
            eventually("the file", lambda: "hello" in n.read("node.log") or i)
            os.rename(n.tmp + "/node.log", old)
            n.call(".main", "say", f"before {i}")
            reopen()
            eventually("a new file", lambda: os.path.exists(n.tmp + "/node.log"))
            n.call(".main", "say", f"after {i}")
            eventually("the line in it", lambda: f"after {i}\n" in n.read("node.log"))
            assert f"before {i}\n" in n.read(f"old.{i}") and f"after {i}" not in n.read(f"old.{i}")
        n.end()
        text = "".join(map(n.read, ("old.0", "old.1", "old.2", "node.log")))
        line = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d\.\d\d \[:[0-9a-f]{8}\] .*")
        assert all(line.fullmatch(x) for x in text.splitlines()), text
        day = subprocess.run(["date", "+%d/%m/%y"], capture_output=True, text=True,
                             env=n.env).stdout.strip()
        assert text.splitlines()[-1].startswith(day), (day, text.splitlines()[-1])
        assert not n.out, n.out


def a_file_that_is_there_is_appended_to(build):
    """the file of an earlier life is kept"""
    with Logged(build, 'logger = "./conf.lua.log"', log="conf.lua.log") as n:
        n.ready()
        n.end()
        first = n.read("conf.lua.log")
        assert "hello" in first
        n.start()
        eventually("more of it", lambda: n.read("conf.lua.log").count("LAUNCH snlua main") == 2)
        n.end()
        assert n.read("conf.lua.log").startswith(first)


def a_path_that_cannot_be_written_fails_the_boot(build):
    """logger = a path that cannot be opened: the node does not start and says why"""
    with Logged(build, 'logger = "/nowhere/at/all.log"') as n:
        assert n.process.wait(20) != 0
        assert "/nowhere/at/all.log" in n.err, n.err
        assert "LAUNCH" not in n.out


def a_program_may_bring_its_own(build):
    """logservice = snlua: the program's service has handle 1 and .logger, gets every line, and
    SIGHUP and harborctl log-reopen as system messages"""
    with Logged(build, 'logservice = "snlua"\nlogger = "userlog"\nuser_log = "./user.log"',
                log="user.log") as n:
        n.ready()
        text = eventually("the line", lambda: "|hello\n" in n.read("user.log")
                          and n.read("user.log"))
        assert re.search(r"^00000001\|I am here, \.logger is 00000001$", text, re.M), text
        assert "00000002|LAUNCH snlua bootstrap\n" in text and "00000002|KILL self\n" in text, text
        assert n.call(".main", "logger") == [1]
        n.call(".main", "say", "first\nsecond")
        eventually("a line with a newline",
                   lambda: re.search(r"^[0-9a-f]{8}\|first\nsecond$", n.read("user.log"), re.M))
        n.process.send_signal(signal.SIGHUP)
        eventually("the signal", lambda: "00000000|SYSTEM\n" in n.read("user.log"))
        n.ctl("log-reopen")
        eventually("a second message",
                   lambda: n.read("user.log").count("00000000|SYSTEM\n") == 2)
        assert "hello" not in n.out + n.err
        assert n.end() == 0


def a_log_service_that_is_not_there_fails_the_boot(build):
    """logservice = a module that does not exist: `Can't launch X service`, and the node does not
    start"""
    with Logged(build, 'logservice = "nosuchmodule"') as n:
        assert n.process.wait(20) != 0
        assert "Can't launch nosuchmodule service" in n.err + n.out, (n.out, n.err)


if __name__ == "__main__":
    main([without_a_logger_lines_go_to_stdout, a_logger_is_a_file,
          a_file_that_is_there_is_appended_to,
          a_path_that_cannot_be_written_fails_the_boot, a_program_may_bring_its_own,
          a_log_service_that_is_not_there_fails_the_boot])
