#!/usr/bin/python3
"""A node that reads its configuration again: what is applied, what waits, what is refused, and what
the service manager hears of it."""
import json, os, re, signal, socket, subprocess, tempfile, threading, time
from harness import Failed, eventually, leave, main

HERE = os.path.dirname(os.path.abspath(__file__))


class One:
    """A node whose file the test writes anew, with a service manager that it may ask."""

    def __init__(self, build, text="", name="n.yaml", notify=False):
        self.build, self.tmp = os.path.abspath(build), tempfile.mkdtemp(prefix="harbor-test-")
        self.file, self.name = f"{self.tmp}/{name}", name
        self.write(text)
        env = dict(os.environ, RUNTIME_DIRECTORY=self.tmp)
        self.manager = None
        if notify:
            self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.manager.bind(self.tmp + "/notify")
            self.manager.settimeout(10)
            env["NOTIFY_SOCKET"] = self.tmp + "/notify"
        self.process = subprocess.Popen([self.build + "/harbord", self.file],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self.tmp + "/err", "wb"), env=env)
        self.env = env
        eventually("the node is up", self.is_up)

    def is_up(self):
        """As long as it has no control socket another node of this host may answer."""
        status = self.ctl("status")
        return status["state"] == "running" and status["pid"] == self.process.pid

    def write(self, text, where=None):
        with open(where or self.file, "w") as f:
            f.write(text if self.name == "n.lua" or where else
                    f'lua: {{ start: main, service_path: ["{HERE}/?.lua"]'
                    f'{"" if text.startswith("#lua") else " }"}\n'
                    + re.sub("^#lua(.*)", r",\1 }", text))

    def ask(self, *args):
        p = subprocess.run([self.build + "/harborctl", "--json", *args], capture_output=True,
                           text=True, timeout=20, env=self.env)
        try:
            return p.returncode, json.loads(p.stdout)
        except ValueError:
            raise Failed(f"{args}: {p.returncode} {p.stdout} {p.stderr}")

    def ctl(self, *args):
        status, answer = self.ask(*args)
        if status:
            raise Failed(f"{args}: {status} {answer}")
        return answer

    def hears(self, what):
        """The next datagrams of the node, until one holds the text; all of them."""
        heard = []
        while not heard or what not in heard[-1]:
            heard.append(self.manager.recv(4096).decode())
        return heard

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.process.kill()
        self.process.wait()
        if kind:
            with open(self.tmp + "/err", errors="replace") as f:
                print(f.read()[-3000:])
        leave(self.tmp, kind)


def applied(build):
    """what can be changed is in force when harborctl returns, fifty times"""
    with One(build) as n:
        for i in range(50):
            level = ("debug", "warning")[i % 2]
            n.write(f"log:\n  level: {level}\n")
            answer = n.ctl("reload")
            assert n.ctl("log_level")["log_level"] == level, (i, answer)
            change, = answer["applied"]
            assert change["key"] == "log.level" and change["new"] == level, change
            assert change["place"] == f"{n.file}:3:10", change
            assert answer["restart_needed"] == [], answer
        n.write("#lua mailbox_max: 7\nlog: { level: warning }\n"
                "admin: { stop_timeout: 1min, drain_on_stop: 1500ms }\n"
                "net: { write_queue: 1MiB, user_timeout: 30s }")
        changes = {c["key"]: (c["old"], c["new"]) for c in n.ctl("reload")["applied"]}
        assert changes == {"lua.mailbox_max": ("0", "7"), "net.write_queue": ("16MiB", "1MiB"),
                           "admin.stop_timeout": ("10s", "1min"),
                           "admin.drain_on_stop": ("0s", "1500ms"),
                           "net.user_timeout": ("2min", "30s")}, changes
        spawned, = n.ctl("call", ".main", "spawn")["values"]
        services = {s["handle"]: s for s in n.ctl("services")["services"]}
        assert services[spawned]["mailbox_max_messages"] == 7, services[spawned]
        assert n.ctl("reload")["applied"] == []


def level_by_hand(build):
    """a level that was set by hand stays until the file says another"""
    with One(build, "log: { level: warning }") as n:
        n.ctl("log_level", "debug")
        n.ctl("reload")
        assert n.ctl("log_level")["log_level"] == "debug"
        n.write("log: { level: error }")
        n.ctl("reload")
        assert n.ctl("log_level")["log_level"] == "error"


def waits(build):
    """what cannot be changed is named, waits for the next start, and is told by the status"""
    with One(build) as n:
        before = n.ctl("status")
        n.write("node: { threads: 3 }\nlog: { level: debug }\nenv: { a: 1, b: 2 }\n")
        answer = n.ctl("reload")
        assert [c["key"] for c in answer["applied"]] == ["log.level"], answer
        change, = answer["restart_needed"]
        assert change == {"key": "node.threads", "old": "auto", "new": "3",
                          "place": f"{n.file}:2:18"}, change
        assert answer["env_changed"] == 2, answer
        status = n.ctl("status")
        assert status["restart_needed"] == ["node.threads", "env"], status
        assert "3 changes wait for a restart" in status["line"], status
        assert status["config_hash"] != before["config_hash"], status
        assert status["config_hash"] == answer["config_hash"], status
        n.write("log: { level: debug }\n") # as the node was started, but for the level
        n.ctl("reload")
        assert n.ctl("status")["restart_needed"] == []


def refused(build):
    """files that are not good change nothing, and every error is told with its place"""
    with One(build, "log: { level: warning }") as n:
        n.write("log: { level: debug }\nnet: { thraeds: 2 }\nadmin: { stop_timeout: soon }\n")
        os.mkdir(n.file + ".d")
        n.write("log: [\n", n.file + ".d/10-local.yaml")
        status, answer = n.ask("reload")
        assert status == 1, (status, answer)
        places = [(e["file"], e["line"]) for e in answer["errors"]]
        assert places == [(n.file, 3), (n.file, 4), (n.file + ".d/10-local.yaml", 2)], answer
        assert f'{n.file}:3:8: unknown key "thraeds"' in answer["error"], answer
        assert n.ctl("log_level")["log_level"] == "warning"
        status = n.ctl("status")
        assert "thraeds" in status["reload_error"] and "reload refused" in status["line"], status
        os.remove(n.file + ".d/10-local.yaml")
        n.write("log: { level: debug }\n")
        n.ctl("reload")
        assert n.ctl("log_level")["log_level"] == "debug"
        status = n.ctl("status")
        assert "reload_error" not in status and "refused" not in status["line"], status


def told(build):
    """the manager hears RELOADING with the time, and READY afterwards, also if it was refused"""
    with One(build, notify=True) as n:
        n.hears("READY=1")
        for text in ("log: { level: debug }", "log: { level: loud }"):
            n.write(text)
            n.ask("reload")
            begins = n.hears("RELOADING=1")[-1].split("\n")
            usec, = [line.split("=")[1] for line in begins if line.startswith("MONOTONIC_USEC=")]
            assert 0 <= time.monotonic() - int(usec) / 1e6 < 60, usec
            heard = n.hears("READY=1")
            assert not any("RELOADING" in h for h in heard), heard
        assert any("reload refused" in h for h in n.hears("STATUS="))


def by_signal(build):
    """SIGHUP does the same"""
    with One(build, "log: { level: warning }", notify=True) as n:
        n.hears("READY=1")
        n.write("log: { level: debug }")
        n.process.send_signal(signal.SIGHUP)
        n.hears("RELOADING=1")
        n.hears("READY=1")
        assert n.ctl("log_level")["log_level"] == "debug"
        n.write("log: { level: loud }")
        n.process.send_signal(signal.SIGHUP)
        n.hears("READY=1")
        assert n.ctl("log_level")["log_level"] == "debug"
        assert "loud" in n.ctl("status")["reload_error"]


def many(build):
    """reloads that come at once are carried out one after the other, and all are answered"""
    with One(build) as n:
        results = []
        threads = [threading.Thread(target=lambda: results.append(n.ask("reload")))
                   for _ in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert [r[0] for r in results] == [0] * 6, results


def of_skynet(build):
    """a configuration as skynet has it is read again, too"""
    text = (f'thread = 2\nharbor = 0\nstart = "main"\nbootstrap = "snlua bootstrap"\n'
            f'luaservice = "{HERE}/?.lua"\n')
    with One(build, text, name="n.lua") as n:
        n.write(text + 'harbord_net_write_queue = "1MiB"\nharbord_log_level = "debug"\n')
        answer = n.ctl("reload")
        assert {c["key"] for c in answer["applied"]} == {"log.level", "net.write_queue"}, answer
        assert n.ctl("log_level")["log_level"] == "debug"
        n.write(text + "thread = (\n")
        status, answer = n.ask("reload")
        assert status == 1 and n.file in answer["error"], answer


if __name__ == "__main__":
    main([applied, level_by_hand, waits, refused, told, by_signal, many, of_skynet])
