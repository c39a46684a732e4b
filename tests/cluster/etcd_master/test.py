#!/usr/bin/python3
"""Several candidates for the master, with a real etcd: the leader is killed, frozen, moved; etcd is
killed, slow, lies, and demands TLS and a password."""
import contextlib, datetime, json, os, re, signal, ssl, subprocess, sys, time
from etcd import PROGRAM, Etcd, Proxy
from harness import Cluster, Failed, eventually, free_port, main

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ("a", "b", "c")


class Town:
    """Candidates a, b, c (harbor 1, 2, 3) and a member d (4)."""

    def __init__(self, cluster, endpoints, more="", lease="3s", name_wait="300ms"):
        self.name_wait = name_wait
        self.cluster, self.ports = cluster, [free_port() for _ in NAMES]
        self.masters = ", ".join(f"127.0.0.1:{p}" for p in self.ports)
        for i, name in enumerate(NAMES):
            self.node(name, i + 1, f"master: {{ listen: 127.0.0.1:{self.ports[i]}, registry: etcd, "
                                   f"etcd: [{endpoints}], lease: {lease}{more} }}\n")
        self.d = self.node("d", 4, "")
        self.all = self.cluster.nodes

    def node(self, name, harbor, master, masters=None):
        n = self.cluster.node(name, harbor, start_now=False)
        with open(n.config) as f:
            text = f.read()
        text = text.replace(f"127.0.0.1:{self.cluster.master_port}", masters or self.masters)
        text = text.replace("name_wait: 300ms", f"name_wait: {self.name_wait}")
        text = re.sub(r"cluster: \{ name: test, listen: 127.0.0.1:\d+",
                      "cluster: { name: test, listen: 127.0.0.1:0", text)
        with open(n.config, "w") as f:
            f.write(text + master)
        return n.start()

    def ready(self):
        for n in self.all:
            n.ready(30)
        for n in self.all:
            eventually("all are linked", lambda: states(n) == ["self"] + ["up"] * 3)
        return self

    def leader(self, among=None):
        """The one node that leads, and the others."""
        nodes = among or [n for n in self.all if n.name in NAMES]
        def one():
            leads = [n for n in nodes if n.ctl("master")["role"] == "master"]
            return leads if len(leads) == 1 else None
        found = eventually("one leads", one)[0]
        return found, [n for n in nodes if n != found]


@contextlib.contextmanager
def town(build, proxied=False, **more):
    with Cluster(build, HERE) as c:
        etcd = Etcd(c.tmp).start()
        proxy = Proxy(etcd.port) if proxied else None
        try:
            t = Town(c, f"127.0.0.1:{proxy.port if proxy else etcd.port}", **more).ready()
            t.etcd, t.proxy = etcd, proxy
            yield t
        finally:
            etcd.kill()
            if proxy:
                proxy.close()


def states(n):
    return sorted(x["state"] for x in n.ctl("nodes")["nodes"])


def register(node, name):
    """The number of the registration; raises while there is none."""
    ok, fence = node.call(".probe", "register", name)
    if not ok:
        raise Failed(fence)
    return fence


def owners(node):
    return {n["name"]: (n["handle"], n.get("fence")) for n in node.ctl("names")["names"]
            if n["scope"] == "global"}


def loop_calls(t, a, b):
    """Two nodes call each other by handle and name from now on; gives what checks that all went
    well."""
    for caller, other in ((a, b), (b, a)):
        name = f"OF_{other.name}"
        register(other, name)
        eventually("it is known", lambda: caller.call(".probe", "query", name)[0])
        caller.call(".probe", "loop", str(other.call(".probe", "self")[0]), name)

    def check():
        for n in (a, b):
            before = n.call(".probe", "counts")[0]
            eventually("calls go on", lambda: n.call(".probe", "counts")[0] > before + 20)
            good, longest, wrong = n.call(".probe", "counts")
            assert wrong == "" and longest < 100, (n.name, good, longest, wrong)
    return check


def changes_are_told_once_a_second(n):
    """Candidates that name each other while the lead moves send a member to and fro."""
    with open(n.log, errors="replace") as f:
        times = [datetime.datetime.fromisoformat(line[:23]) for line in f if "master lost" in line]
    apart = [(b - a).total_seconds() for a, b in zip(times, times[1:])]
    assert not apart or min(apart) > 0.99, (n.name, times)


def the_leader_is_killed(build):
    """kill -9 of the leader: another leads within seconds; links, ids and names stay, no call
    between the others fails"""
    with town(build) as t:
        leader, others = t.leader()
        check = loop_calls(t, others[0], t.d)
        first = register(t.d, "BEFORE")
        eventually("all know it", lambda: all("BEFORE" in owners(n) for n in t.all))
        before = owners(t.d)
        leader.kill()
        killed = time.monotonic()
        second = eventually("a new registration", lambda: register(t.d, "AFTER"), 30)
        took = time.monotonic() - killed
        print(f"# from the leader's death to the next registration: {took:.2f} s", flush=True)
        assert took < 10, took
        assert second > first
        new, _ = t.leader(others)
        for n in (*others, t.d):
            eventually("names are the same", lambda: before.items() <= owners(n).items())
        for n in (*others, t.d):
            eventually(f"{n.name} knows who leads", lambda: [new.name] == [
                x["name"] for x in n.ctl("nodes")["nodes"] if x["master"]])
        check()
        assert [n.ctl("status")["harbor"] for n in (*others, t.d)] == [
            int(n.ctl("status")["harbor"]) for n in (*others, t.d)]
        # it comes back as a candidate, with its old id, and leads no more
        leader.start().ready()
        assert leader.ctl("master")["role"] == "candidate"
        assert leader.ctl("master")["leader"] == new.name
        assert register(leader, "BACK") > second


def a_frozen_leader_wakes(build):
    """a leader that was frozen and wakes finds that another leads: it closes, and nothing of what
    it does counts"""
    with town(build) as t:
        leader, others = t.leader()
        check = loop_calls(t, others[0], t.d)
        register(leader, "MINE")
        leader.signal(signal.SIGSTOP)
        new, _ = t.leader(others)
        # those who were connected to the frozen one notice its silence
        fence = eventually("a new registration", lambda: register(t.d, "AFTER"), 30)
        eventually("its names are free", lambda: register(t.d, "MINE"), 30)
        leader.signal(signal.SIGCONT)
        eventually("it has stepped down", lambda: leader.ctl("master")["role"] == "candidate")
        assert leader.logged("does not lead cluster test any more")
        eventually("it is a member again", lambda: register(leader, "AWAKE") > fence, 30)
        for n in t.all:
            eventually("all agree", lambda: owners(n) == owners(new))
        mine = f":{t.d.call('.probe', 'self')[0]:08x}"
        assert owners(leader)["MINE"][0] == mine, owners(leader)
        assert "MINE" in leader.call(".probe", "losses")[0]
        check()


def not_moved(node, *to):
    """Why harborctl master move is refused."""
    try:
        node.ctl("master", "move", *to)
    except Failed as e:
        return str(e)
    raise AssertionError(f"{node.name} moved the lead to {to}")


def the_lead_is_moved(build):
    """harborctl master move: to a named candidate and to any, without a failed call; wrong ones are
    refused"""
    with town(build) as t:
        leader, others = t.leader()
        check = loop_calls(t, others[0], t.d)
        fences = [register(t.d, "N0")]
        eventually("the leader knows all candidates", lambda: sorted(
            c["name"] for c in leader.ctl("master")["candidates"]) == list(NAMES))
        for node, text in ((leader.name, "leads already"), ("nobody", "nobody is no candidate"),
                           ("d", "d is no candidate")):
            assert text in not_moved(leader, node)
        eventually("who does not lead knows who does", lambda:
                   f"does not lead, {leader.name} does" in not_moved(others[0]))
        for i, named in enumerate((True, False, True), 1):
            leader, others = t.leader()
            eventually("the leader knows all candidates", lambda: sorted(
                c["name"] for c in leader.ctl("master")["candidates"]) == list(NAMES))
            to = others[-1].name if named else ""
            began = time.monotonic()
            leader.ctl("master", "move", *([to] if to else []))
            fences.append(eventually("a registration", lambda: register(t.d, f"N{i}")))
            print(f"# moved to {to or 'any'}, next registration after "
                  f"{time.monotonic() - began:.2f} s", flush=True)
            new, _ = t.leader()
            assert new.name == to or (not to and new != leader), (new.name, to)
        assert fences == sorted(set(fences)), fences
        shown = new.ctl("master")
        assert sorted(c["name"] for c in shown["candidates"]) == list(NAMES), shown
        assert shown["registry"] == "etcd" and shown["registry_answers"], shown
        assert new.ctl("status")["role"] == "master" and leader.ctl("status")["role"] == "candidate"
        check()
        for n in t.all:
            changes_are_told_once_a_second(n)
        # a leader that drains gives the lead away, and not to one that drains, too
        first = next(n for n in t.all if n.name in NAMES and n != new)
        first.ctl("drain", first.name)
        new.ctl("drain", new.name)
        last = next(n for n in t.all if n.name in NAMES and n not in (new, first))
        eventually("the one that takes work leads", lambda: t.leader()[0] == last)
        for n in (first, new):
            n.ctl("drain", n.name, "--undo")
        new = last
        check()
        # a leader that is stopped gives the lead away
        began = time.monotonic()
        assert new.stop() == 0
        eventually("a registration", lambda: register(t.d, "N9"))
        print(f"# stopped, next registration after {time.monotonic() - began:.2f} s", flush=True)


def etcd_is_killed(build):
    """kill -9 of etcd: what is known goes on, new names are refused with a reason, and it recovers
    by itself"""
    with town(build) as t:
        leader, others = t.leader()
        check = loop_calls(t, others[0], t.d)
        fence = register(t.d, "BEFORE")
        t.etcd.kill()
        eventually("nobody leads", lambda: all(n.ctl("master")["role"] == "candidate"
                                               for n in t.all if n.name in NAMES))
        assert leader.logged("the lease could not be renewed in time")
        try:
            register(t.d, "MEANWHILE")
            raise AssertionError("a name without a registry")
        except Failed as e:
            assert "no answer in 300 ms" in str(e), e
        for n in t.all:
            assert owners(n)["BEFORE"][1] == fence
            assert states(n) == ["self"] + ["up"] * 3
        shown = leader.ctl("master")
        assert not shown["registry_answers"] and "etcd http" in shown["registry_error"], shown
        check()
        t.etcd.start()
        assert eventually("a new registration", lambda: register(t.d, "AFTER"), 30) > fence
        check()


def etcd_is_wrong(build):
    """etcd that is slow, hangs, lies, fails, floods or loses answers harms nothing that is known,
    and what was registered meanwhile is so once"""
    with town(build, proxied=True) as t:
        check = loop_calls(t, t.all[0], t.d)
        fences = [register(t.d, "N")]
        t.proxy.delay = 0.3
        for i, (mode, works) in enumerate((("slow", True), ("rubbish", False), ("error", False),
                                           ("huge", False), ("lose", False), ("hang", False))):
            t.proxy.mode, asked = mode, t.proxy.asked
            if works:
                fences.append(eventually(mode, lambda: register(t.d, f"IN_{mode}")))
            else:
                eventually("nobody leads", lambda: all(n.ctl("master")["role"] == "candidate"
                                                       for n in t.all if n.name in NAMES))
            t.proxy.mode = "pass"
            fences.append(eventually(f"a registration after {mode}",
                                     lambda: register(t.d, f"N_{mode}"), 30))
        assert fences == sorted(set(fences)), fences
        check()
        for n in t.all:
            assert states(n) == ["self"] + ["up"] * 3
            eventually("all agree", lambda: owners(n) == owners(t.all[0]))
        kept = {k[len("harbord/test/names/"):]: json.loads(v)["handle"]
                for k, v in t.etcd.keys("harbord/test/names/").items()}
        assert {n: f":{h:08x}" for n, h in kept.items()} == \
            {n: h for n, (h, _) in owners(t.d).items()}


def saves_whose_answers_are_lost(build):
    """a save that etcd has done and whose answer is lost is done again, and only then told"""
    with town(build, proxied=True, lease="10s", name_wait="9s") as t:
        for i in range(3):
            t.proxy.mode = "lose"
            t.d.call(".probe", "start", f"L{i}")
            eventually("a question was lost", lambda: f"harbord/test/names/L{i}" in t.etcd.keys())
            assert f"L{i}" not in owners(t.all[0])
            t.proxy.mode = "pass"
            eventually("it is told", lambda: f"L{i}" in owners(t.all[0]))
        assert not any(n.logged("does not lead cluster") for n in t.all)


def several_servers(build):
    """of three servers of etcd the first of the list is dead from the start, or dies: names go on
    being given, by the same leader if the lease is long enough"""
    with Cluster(build, HERE) as c:
        servers = Etcd.several(c.tmp, 3)
        try:
            endpoints = ", ".join(f"127.0.0.1:{s.port}" for s in servers)
            servers[0].kill()
            t = Town(c, endpoints, lease="10s", name_wait="9s").ready()
            leader, _ = t.leader()
            fences = [register(t.d, "FIRST_IS_DEAD")]
            servers[0].start()
            servers[1].kill() # the one that is asked
            fences.append(register(t.d, "SECOND_IS_DEAD"))
            servers[1].start()
            servers[2].kill()
            fences.append(register(t.d, "THIRD_IS_DEAD"))
            assert fences == sorted(set(fences)), fences
            assert t.leader()[0] == leader
            assert {"FIRST_IS_DEAD", "SECOND_IS_DEAD", "THIRD_IS_DEAD"} <= set(owners(t.d))
            # without a majority nobody is told anything
            servers[1].kill()
            try:
                register(t.d, "NO_MAJORITY")
                raise AssertionError("a name without a registry")
            except Failed as e:
                assert "no answer" in str(e), e
            assert "NO_MAJORITY" not in owners(t.d)
            servers[1].start()
            assert eventually("a registration", lambda: register(t.d, "AGAIN"), 30) > fences[-1]
        finally:
            for s in servers:
                s.kill()


def encrypted_and_with_a_password(build):
    """etcd that demands TLS with certificates on both sides, or a user with a password"""
    with Cluster(build, HERE) as c:
        pem = lambda name: f"{c.tmp}/{name}.pem"
        for name in ("ca", "other"):
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pem(name + "-key"),
                    "-out", pem(name), "-subj", f"/CN={name}", "-days", "2")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", pem("key"), "-out", pem("csr"),
                "-subj", "/CN=127.0.0.1")
        with open(c.tmp + "/ext", "w") as f:
            f.write("subjectAltName=IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", pem("csr"), "-CA", pem("ca"), "-CAkey", pem("ca-key"),
                "-CAcreateserial", "-out", pem("cert"), "-days", "2", "-extfile", c.tmp + "/ext")
        context = ssl.create_default_context(cafile=pem("ca"))
        context.load_cert_chain(pem("cert"), pem("key"))
        context.check_hostname = False
        etcd = Etcd(c.tmp, "--cert-file", pem("cert"), "--key-file", pem("key"),
                    "--trusted-ca-file", pem("ca"), "--client-cert-auth", scheme="https",
                    context=context).start()
        try:
            more = (f", etcd_ca_file: {pem('ca')}, etcd_cert_file: {pem('cert')}, "
                    f"etcd_key_file: {pem('key')}")
            t = Town(c, f"127.0.0.1:{etcd.port}", more).ready()
            register(t.d, "SECRET")
            # one who does not trust etcd's certificate does not talk to it
            stranger = t.node("s", 5, candidate(etcd.port, f"etcd_ca_file: {pem('other')}"))
            eventually("it says why", lambda: stranger.logged("certificate"))
            stranger.kill()
        finally:
            etcd.kill()
    with Cluster(build, HERE) as c:
        etcd = Etcd(c.tmp).start()
        try:
            etcd.ask("auth/user/add", {"name": "root", "password": "pass word"})
            etcd.ask("auth/role/add", {"name": "root"})
            etcd.ask("auth/user/grant", {"user": "root", "role": "root"})
            etcd.ask("auth/enable", {})
            for name, word in (("password", "pass word"), ("wrong", "guess")):
                with open(os.open(f"{c.tmp}/{name}", os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                    f.write(word + "\n")
            more = f", etcd_user: root, etcd_password_file: {c.tmp}/password"
            t = Town(c, f"127.0.0.1:{etcd.port}", more).ready()
            register(t.d, "SECRET")
            wrong = f"etcd_user: root, etcd_password_file: {c.tmp}/wrong"
            stranger = t.node("s", 5, candidate(etcd.port, wrong))
            eventually("it says why", lambda: stranger.logged("authentication failed"))
        finally:
            etcd.kill()


def candidate(etcd, more):
    return (f"master: {{ listen: 127.0.0.1:{free_port()}, registry: etcd, "
            f"etcd: [127.0.0.1:{etcd}], {more} }}\n")


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def a_candidate_that_cannot_start(build):
    """files that cannot be read, and keys that do not fit together, are said at the start"""
    with Cluster(build, HERE) as c:
        for more, text in ((", etcd_ca_file: /nowhere/ca.pem", "/nowhere/ca.pem: No such file"),
                           (", etcd_user: me", "etcd_password_file is missing"),
                           ("", None)):
            n = c.node("x", 1, start_now=False)
            with open(n.config, "a") as f:
                f.write(f"master: {{ listen: 127.0.0.1:{c.master_port}, registry: etcd, "
                        f"etcd: [127.0.0.1:{free_port()}]{more} }}\n")
            n.start()
            if text:
                assert n.process.wait(20) != 0
                assert n.logged(text), text
            else:  # an etcd that is not there yet is no error of the configuration
                eventually("it waits for etcd", lambda: n.logged("registry: etcd http://"))
                assert n.process.poll() is None


if not PROGRAM:
    print("1..0 # SKIP etcd is not installed (etcd-server)")
    sys.exit(0)
main([the_leader_is_killed, a_frozen_leader_wakes, the_lead_is_moved, etcd_is_killed,
      etcd_is_wrong, saves_whose_answers_are_lost, several_servers,
      encrypted_and_with_a_password, a_candidate_that_cannot_start])
