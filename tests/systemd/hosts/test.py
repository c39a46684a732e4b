"""Three hosts on a network: they come up in any order, and their nodes are killed under load."""
import itertools, os, time
from boxes import GAME, Failed, Host, Network, eventually, main, rounds

HERE = os.path.dirname(os.path.abspath(__file__))


class Three:
    """Hosts 1, 2 and 3, each with a node (n1, n2, n3) that is enabled; n1 is the master, too.
    dead: so many masters of the list are on hosts that are not there."""

    def __init__(self, build, dead=0):
        self.net, self.dead = Network(3), dead
        self.hosts = [Host(build, f"h{i}", lua=HERE, netns=self.net.name(i)) for i in (1, 2, 3)]

    def config(self, i):
        names = " ".join([f"n{i}"] + [f"n{k}" for k in (1, 2, 3) if k != i])
        masters = ", ".join(f"'{self.net.address(k)}:6000'" for k in [1, *range(8, 8 + self.dead)])
        return (f'node: {{ name: n{i} }}\n'
                f'lua: {{ start: crowd, args: "{names}", service_path: ["{GAME}/?.lua"] }}\n'
                f"cluster: {{ listen: {self.net.address(i)}:6001, "
                f"master: [{masters}], insecure: true }}\n"
                + (f"master: {{ listen: {self.net.address(1)}:6000 }}\n" if i == 1 else ""))

    def __enter__(self):
        self.entered = []
        self.net.__enter__()
        try:
            for i, h in enumerate(self.hosts, 1):
                self.entered.append(h.__enter__())
                h.configure("node", self.config(i))
                h.drop_in("harbord@.service", "[Unit]\nStartLimitIntervalSec=0\n")
                h.run("systemctl", "enable", "--now", "--no-block", "harbor-cluster.target",
                      "harbord@node")
            eventually("the cluster is complete", self.complete, 30)
        except BaseException as e:
            self.__exit__(type(e))
            raise
        return self

    def __exit__(self, kind, *rest):
        for h in self.entered:
            h.__exit__(kind)
        self.net.__exit__()

    def complete(self):
        return all(sorted(n["state"] for n in h.ctl(f"n{i}", "nodes")["nodes"])
                   == ["self", "up", "up"] for i, h in enumerate(self.hosts, 1))

    def ask(self, what):
        """What the crowd of each node answers."""
        return [h.ctl(f"n{i}", "call", ".main", what)["values"][0]
                for i, h in enumerate(self.hosts, 1)]

    def names_are_unique(self):
        """Each name has one owner, who is the same for all and alive, and the service that is to be
        one is one."""
        seen = self.ask("names")
        the_one, single = seen[0]["the_one"], seen[0]["single"]
        singles = [s["handle"] for i, h in enumerate(self.hosts, 1)
                   for s in h.ctl(f"n{i}", "list")["services"] if "single" in s["service"]]
        if ([s["self"] for s in seen].count(the_one) == 1 and singles == [f":{single:08x}"]
                and all(s["the_one"] == the_one and s["single"] == single for s in seen)
                and all(s[f"n{i}"] == seen[i - 1]["self"] for s in seen for i in (1, 2, 3))):
            return True
        raise Failed(f"{seen}, single services: {singles}")


def orders(build):
    """after all have lost their power the cluster is complete within 10 s of the last, whatever
    the order"""
    with Three(build) as c:
        for order in itertools.permutations(range(3)):
            for h in c.hosts:
                h.crash()
            for k in order:
                c.hosts[k].up()
            began = time.monotonic()
            eventually(f"the cluster is complete, order {order}", c.complete, 20)
            took = time.monotonic() - began
            print(f"# order {[k + 1 for k in order]}: complete {took:.1f} s after the last")
            assert took < 10, took


def told_after(h, since, text):
    """When the node of this host first said this after `since`, from its journal; None: it has
    not."""
    return next((t for r in h.journal("-u", "harbord@node") if text in r["MESSAGE"]
                 if (t := int(r["__REALTIME_TIMESTAMP"]) / 1e6) > since), None)


def noticed(c, silent):
    """The master's host is away, so that connections to it are refused or find nobody, until its
    members have the longest pauses. Returns how long after its return each of the two, one of which
    has just started, has joined."""
    c.hosts[0].crash()
    if silent:
        c.net.cable(1, False)
    c.hosts[2].run("systemctl", "restart", "--no-block", "harbord@node")
    time.sleep(15) # as long as hours: unit/harbor/protocol/test_member
    c.hosts[2].want("harbord@node", 1, ActiveState="activating")
    back = time.time()
    c.hosts[0].up()
    c.hosts[0].want("harbord@node", 30, ActiveState="active")
    if silent:
        back = time.time()
        c.net.cable(1, True)
    else:
        back = told_after(c.hosts[0], back, "harbor: master, listening")
    joined = [eventually("it has joined", lambda: told_after(h, back, "joined the cluster"), 30)
              for h in c.hosts[1:]]
    c.hosts[2].want("harbord@node", 5, ActiveState="active")
    eventually("the cluster is complete", c.complete, 30)
    return [t - back for t in joined]


def away(build):
    """a master whose host was away is noticed within 5 s, by members that had it and by one that
    starts, also if they know of others whose hosts are dead"""
    for dead in (0, 2):
        with Three(build, dead) as c:
            for silent in (False, True):
                took = noticed(c, silent)
                print(f"# {'silent' if silent else 'refused'}, {dead} others dead: noticed after "
                      f"{took[0]:.1f} and {took[1]:.1f} s")
                assert max(took) < 5, took


def kills(build):
    """nodes that call each other are killed in turn: each is back, no call hangs, names stay
    unique"""
    count, times, killed = rounds(6, full=20), [], [0, 0, 0]
    with Three(build) as c:
        for k in range(count):
            eventually("each name has its owner", c.names_are_unique, 30)
            before = [calls["done"] for calls in c.ask("calls")]
            eventually("all work", lambda: all(
                calls["done"] > done for calls, done in zip(c.ask("calls"), before)))
            i = (k + 1) % 3 # the master's turn comes, too
            killed[i] += 1
            began = time.monotonic()
            c.hosts[i].run("systemctl", "kill", "-s", "KILL", "harbord@node")
            c.hosts[i].want("harbord@node", 30, NRestarts=str(killed[i]), ActiveState="active")
            eventually("the cluster is complete", c.complete, 30)
            times.append(time.monotonic() - began)
            for n, calls in enumerate(c.ask("calls"), 1):
                assert not calls["wrong"], (n, calls)
                assert calls["longest_limited"] < 4, (n, calls) # its limit is 2 s
                assert calls["longest_plain"] < 13, (n, calls) # cluster.name_wait is 10 s
        eventually("each name has its owner", c.names_are_unique, 30)
        calls = c.ask("calls")
        assert any(n["failed"] for n in calls), calls # they were on their way indeed
        assert [int(h.prop("harbord@node", "NRestarts")) for h in c.hosts] == killed
        print(f"# {count} kills: back and joined after {sum(times) / count:.1f} s, at most "
              f"{max(times):.1f} s; {calls}")


main([orders, away, kills])
