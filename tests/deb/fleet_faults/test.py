"""What can go wrong while a fleet is rolled: a package that does not start, files that a host
refuses, two operators, an end by SIGKILL after any step, a master that is lost."""
import json, os, re, subprocess, time
from boxes import BOX, eventually, main
from fleets import NODES, Fleet, told, took
import packages as p

# A daemon whose links speak another protocol.
OTHER = """#!/bin/sh
[ "$1" != --version ] || exec echo "links speak protocol 90 to 91"
exec "${0%/*}/harbord.real" "$@"
"""
# A daemon that can check configurations and starts no node.
BROKEN = """#!/bin/sh
case "$*" in *--check* | *--version*) exec "${0%/*}/harbord.real" "$@" ;; esac
exit 70
"""


def broken(build):
    """a package whose nodes do not start stops the roll at the first; the one before it mends"""
    with Fleet(build) as f:
        f.fleet("roll", "--deb", f.deb)
        before = f.pids()
        bad = p.newer(f.deb, f.folder, "9.1", BROKEN)
        said = f.fleet("roll", "--deb", bad, "--json", status=3)
        answer = json.loads(said.splitlines()[0])
        assert answer["exit_status"] == 3 and "fleet rollback" in answer["error"], answer
        assert [(n["node"], n["result"]) for n in answer["nodes"]] == [("map1", "failed")], answer
        assert "map1 (b): it did not become ready" in said, said
        assert f.restarts(before) == {"map1"}
        old = p.fields(f.deb, "Version")
        assert f.versions() == {"a": old, "b": "9.1", "c": old}
        assert f"harborctl fleet rollback {f.file}" in said, said
        f.fleet("rollback")
        f.complete()
        assert set(f.versions().values()) == {old}
        # its neighbour on the host was not touched by either: the package restarts nothing
        assert {"map1"} <= f.restarts(before) <= {"map1", "gate2"}


def refused(build):
    """what a host refuses changes none; a lock keeps two apart; wrong words end with 2"""
    with Fleet(build) as f:
        f.fleet("roll", "--deb", f.deb)
        before = f.pids()
        f.write(extra=", config: { lua: { start: nowhere, thraeds: 3 } }")
        said = f.fleet("roll", status=1)
        assert "thraeds" in said and "nothing was changed" in said, said
        assert f.restarts(before) == set()
        f.hosts["a"].sh("! grep -r nowhere /etc/harbor")
        f.write()
        f.hosts["c"].sh("mkdir /var/lib/harbor-fleet/lock && "
                        "echo somebody >/var/lib/harbor-fleet/lock/owner")
        said = f.fleet("roll", status=1)
        assert "c: locked by somebody" in said, said
        assert re.search(r"somebody, \d+ s ago", said), said
        assert "unchanged" in f.fleet("roll", "--break-lock")
        for h in f.hosts.values():
            h.sh("echo 2 >/var/lib/harbor-fleet/format")
        for verb in ("roll", "check", "history"):
            said = f.fleet(verb, status=1)
            assert "a: /var/lib/harbor-fleet is of format 2, which this" in said, said
        for h in f.hosts.values():
            h.sh("echo 1 >/var/lib/harbor-fleet/format")
        assert f.restarts(before) == set()
        f.ctl("fleet", "roll", f.file, "--fast", status=2)
        f.ctl("fleet", "turn", f.file, status=2)
        f.host("map2").run("systemctl", "stop", "harbord@map2")
        f.network.cable(2, False)
        began = time.monotonic()
        eventually("b is gone", lambda: any(
            r["state"] != "up" for r in f.host("gate1").ctl("gate1", "nodes")["nodes"]
            if r["name"] == "map1"), 30)
        print(f"# a host without a wire was noticed after {took(began)}")
        f.fleet("roll", status=4)
        f.network.cable(2, True)
        began = time.monotonic()
        eventually("b is there again", lambda: all(
            r["state"] in ("up", "self") for r in f.host("gate1").ctl("gate1", "nodes")["nodes"]
            if r["name"] != "map2"), 60)
        print(f"# and linked again {took(began)} after it had one")


def changes(f):
    """When each file of the hosts was changed that a roll could change."""
    return [line for h in f.hosts.values() for line in
            h.sh("find /etc/harbor /etc/systemd/system/harbord@* /var/lib/harbor-fleet/history "
                 "/var/lib/harbor-fleet/generations /var/lib/harbor-fleet/applied "
                 f"-printf '{h.name} %p %T@\\n' | sort").splitlines()]


def same(seen, wanted):
    assert seen == wanted, (seen, wanted)


def answers(build):
    """for machines: one JSON object, exit statuses 0 to 4; a second run changes nothing"""
    with Fleet(build) as f:
        def ask(*words, status=0):
            r = subprocess.run([f.build + "/harborctl", "--json", "fleet", words[0], f.file,
                                *words[1:], "--rsh", f"{BOX} in"], capture_output=True, text=True,
                               stdin=subprocess.DEVNULL, timeout=300)
            assert r.returncode == status, (words, r)
            assert "\x1b" not in r.stdout + r.stderr, r
            answer = json.loads(r.stdout)
            assert answer["exit_status"] == status and answer["command"] == words[0], answer
            assert ("error" in answer) == (status != 0), answer
            return answer
        results = lambda answer: {n["node"]: n["result"] for n in answer["nodes"]}
        same(results(ask("roll", "--deb", f.deb)), dict.fromkeys(NODES, "started"))
        before, pids = changes(f), f.pids()
        def nothing_changed():
            now = changes(f)
            assert now == before, set(now) ^ set(before)
            assert f.restarts(pids) == set()
        same(results(ask("roll", "--deb", f.deb)), dict.fromkeys(NODES, "unchanged"))
        nothing_changed()
        same([h["well"] for h in ask("check")["hosts"]], [True] * 3)
        same([n["unit"] for n in ask("status")["nodes"]], ["active"] * len(NODES))
        same([g["version"] for g in ask("history")["generations"]], [p.fields(f.deb, "Version")])
        f.write(extra=", config: { log: { level: debug } }")
        same(results(ask("roll", "--dry-run"))["map1"], "would_restart")
        said = f.fleet("roll", "--dry-run", "--deb", p.newer(f.deb, f.folder, "9.0"))
        for text in ("b: +  level: debug", "b: +++ /var/lib/harbor-fleet/next/etc/harbor/map1",
                     "would become 9.0", "(files): drain, put, restart, linked, undrain"):
            assert text in said, (text, said)
        nothing_changed()
        other = p.newer(f.deb, f.folder, "9.2", OTHER)
        assert "speaks protocol" in ask("roll", "--deb", other, status=1)["error"]
        ask("roll", "--fast", status=2)
        nothing_changed()
        f.host("map2").run("systemctl", "stop", "harbord@map2")
        assert "map2 does not run" in ask("status", status=4)["error"]
        rendered(f)


def rendered(f):
    """What programs are told of files that nobody has sent."""
    def render(folder, status):
        r = subprocess.run([f.build + "/harborctl", "--json", "fleet", "render", f.file,
                            f.folder + folder], capture_output=True, text=True)
        assert r.returncode == status, r
        return json.loads(r.stdout)
    same([(h["host"], h["nodes"]) for h in render("/out", 0)["hosts"]],
         [(h, [n for n in NODES if NODES[n] == h]) for h in "abc"])
    assert "cannot be written" in render("/out", 1)["error"]
    with open(f.file, "a", encoding="utf-8") as file:
        file.write("nods: {}\n")
    wrong = render("/other", 1)
    assert 'unknown key "nods"' in wrong["errors"][0]["text"] and wrong["errors"][0]["line"], wrong
    f.write()


def call_of(line):
    """What a host was told, without what differs from run to run."""
    return re.sub(r" '.*", "", line.split(" <<")[0])


def interrupted(build):
    """ended by SIGKILL after any of its steps on hosts, it is run again and finishes"""
    with Fleet(build) as f:
        newer, level = [f.deb, p.newer(f.deb, f.folder, "9.0")], ["info", "debug"]
        steps = f.folder + "/steps"
        count = f.wrapper(f"echo \"$call\" >>{steps}")
        f.fleet("roll", "--deb", newer[1], rsh=count)
        f.write(level=level[1])
        os.remove(steps)
        f.fleet("roll", "--deb", newer[0], "--batch", "3", rsh=count)
        with open(steps, encoding="utf-8") as file:
            all_steps = file.read().splitlines()
        wanted = int(os.environ.get("HARBORD_TEST_KILLS", "8"))
        every = max(1, len(all_steps) // wanted)
        print(f"# {len(all_steps)} steps on hosts, one of {every} is the last one once", flush=True)
        for n, last in enumerate(range(1, len(all_steps), every)):
            f.write(level=level[n % 2])
            os.remove(steps)
            killing = f.wrapper(f"""echo "$call" >>{steps}
if [ $(wc -l <{steps}) -gt {last} ]; then kill -KILL 0; fi""")
            words = ["fleet", "roll", f.file, "--deb", newer[(n + 1) % 2], "--batch", "3", "--rsh"]
            r = subprocess.run([f.build + "/harborctl", *words, killing], start_new_session=True,
                               stdin=subprocess.DEVNULL, capture_output=True)
            assert r.returncode == -9, (last, r)
            r = subprocess.run([f.build + "/harborctl", *words, f"{BOX} in"], text=True,
                               stdin=subprocess.DEVNULL, capture_output=True)
            if r.returncode == 1: # the first step of all is the lock
                assert re.search(r"locked by .*, \d+ (s|min) ago", r.stderr), r
                f.ctl(*words, f"{BOX} in", "--break-lock")
            else:
                assert r.returncode == 0, (last, r)
            print(f"# killed after {call_of(all_steps[last - 1])}: run again", flush=True)
            f.complete()
            said = f.fleet("roll", "--deb", newer[(n + 1) % 2])
            assert said.count("unchanged") == len(NODES), said


def cut(build):
    """a wire that breaks while a host is told something: it does nothing of it"""
    with Fleet(build) as f:
        f.fleet("roll", "--deb", f.deb)
        before = f.pids()
        f.write(level="debug")
        for left in ("$((${#script} - 9))", "$((${#script} * 9 / 10))"): # in its input, before it
            cutting = f.wrapper(f"""case $call in "restart map1"*)
head -c {left} <<<"$script" | {BOX} in "$@" >{f.folder}/said 2>&1; exit 255 ;; esac""")
            f.fleet("roll", rsh=cutting, status=3)
            assert os.path.exists(f.folder + "/said") and f.restarts(before) == set()
        f.fleet("roll")
        f.complete()


def a_step_that_goes_on(build):
    """a step that is still at work when its operator was killed: whoever breaks his lock waits for
    its end before anything is sent"""
    with Fleet(build) as f:
        f.fleet("roll", "--deb", f.deb)
        f.write(level="debug")
        b, early, locking = f.hosts["b"], f.folder + "/early", f.folder + "/locking"
        slow = f.wrapper(f"""case $call in "restart map1"*)
slow="touch /run/began; until test -e /run/go; do sleep .1; done; $call; touch /run/ended"
script=${{script/"$call <<"/"{{ $slow; }} <<"}}
exec setsid {BOX} in "$@" <<<"$script" ;; esac""")
        with subprocess.Popen([f.build + "/harborctl", "fleet", "roll", f.file, "--rsh", slow],
                              start_new_session=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL) as child:
            eventually("the step has begun", lambda: b.sh("ls /run/began"), 60)
            os.killpg(child.pid, 9)
        looking = f.wrapper(f"""case "$call $1" in lock*{b.name}) touch {locking} ;;
"stage {b.name}") {BOX} in "$1" test -e /run/ended </dev/null || touch {early} ;; esac""")
        f.write(level="warning")
        with subprocess.Popen([f.build + "/harborctl", "fleet", "roll", f.file, "--rsh", looking,
                               "--break-lock"], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            eventually("somebody else locks", lambda: os.path.exists(locking), 60)
            b.sh("touch /run/go")
            said = child.communicate(timeout=180)[0]
        assert child.returncode == 0 and "map1 (b): drained" in said, said
        assert not os.path.exists(early) and b.sh("ls /run/ended")
        f.complete()
        assert f.fleet("roll").count("unchanged") == len(NODES)


def master_lost(build):
    """the master's host loses power while another node is upgraded: the roll waits, and goes on"""
    with Fleet(build) as f:
        f.begin()
        before = f.pids()
        f.write(level="debug")
        crash = f.wrapper(f"""case $call in "restart map1"*)
{BOX} crash {f.hosts['a'].name}; touch {f.folder}/crashed ;; esac""")
        def roll(*words):
            return subprocess.Popen([f.build + "/harborctl", "fleet", "roll", f.file, *words,
                                     "--rsh", crash], stdin=subprocess.DEVNULL, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        with roll() as child:
            eventually("a has no power", lambda: os.path.exists(f.folder + "/crashed"), 60)
            began = time.monotonic()
            eventually("gate2 has lost the master", lambda: "master lost" in
                       f.host("gate2").ctl("gate2", "status", ok=(0, 4)).get("reason", ""), 60)
            print(f"# the loss of a host was seen after {took(began)}")
            eventually("map1 waits", lambda: f.host("map1").prop("harbord@map1", "ActiveState")
                       == "activating", 60)
            time.sleep(3) # it does not go on
            assert child.poll() is None
            alive = {n: f.host(n).prop(f"harbord@{n}", "MainPID")
                     for n in ("gate2", "map2", "login")}
            assert all(before[n] == pid for n, pid in alive.items()), (before, alive)
            assert f.call("gate2", "famous", "report") # nodes keep their work
            os.rename(f.folder + "/rsh", f.folder + "/rsh.crash")
            f.wrapper("")
            f.hosts["a"].up()
            began = time.monotonic()
            eventually("map1 is there again", lambda: f.host("map1").prop("harbord@map1",
                       "ActiveState") == "active", 60)
            print(f"# its nodes and map1 were in the cluster again after {took(began)}")
            said = child.communicate(timeout=180)[0]
            assert child.returncode == 0, said
        told("the roll", began, said)
        f.complete()
        f.fleet("roll")


def master_stays_away(build):
    """a master that does not come back ends the roll within its limit; it can be resumed"""
    with Fleet(build) as f:
        f.fleet("roll", "--deb", f.deb)
        before = f.pids()
        f.write(level="debug")
        away = f.wrapper(f"""case $call in "undrain map1"*)
{BOX} in {f.hosts['a'].name} systemctl stop harbord@master </dev/null; esac""")
        said = f.fleet("roll", "--wait", "5", rsh=away, status=3)
        assert "has not been whole for 5 s: " in said and "waiting, 5 s at most" in said, said
        assert f.restarts(before) == {"map1", "master"}
        said = f.fleet("roll") # starts it
        assert "master (a): started" in said and "map1 (b): unchanged" in said, said
        f.complete()
        assert f.restarts(before) == set(NODES)


if __name__ == "__main__":
    main([broken, refused, answers, cut, a_step_that_goes_on, interrupted, master_lost,
          master_stays_away])
