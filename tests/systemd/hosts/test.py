"""Three hosts on a network: they come up in any order."""
import itertools, os, time
from concurrent.futures import ThreadPoolExecutor
from boxes import GAME, Host, Network, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
LIFE = os.path.dirname(HERE) + "/life"


def config(net, i):
    return (f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'
            f"cluster: {{ listen: {net.address(i)}:6001, master: {net.address(1)}:6000, "
            f"insecure: true }}\n"
            + (f"master: {{ listen: {net.address(1)}:6000 }}\n" if i == 1 else ""))


def orders(build):
    """after all have lost their power the cluster is complete within 10 s of the last, whatever
    the order"""
    with Network(3) as net:
        hosts = [Host(build, f"h{i}", lua=LIFE, netns=net.name(i)) for i in (1, 2, 3)]
        entered = []
        try:
            for h in hosts:
                entered.append(h.__enter__())
            for i, h in enumerate(hosts, 1):
                h.configure("node", config(net, i).replace("lua:", f"node: {{ name: n{i} }}\nlua:"))
                h.run("systemctl", "enable", "--now", "--no-block", "harbor-cluster.target",
                      "harbord@node")

            def complete():
                return all(sorted(n["state"] for n in h.ctl(f"n{i}", "nodes")["nodes"])
                           == ["self", "up", "up"] for i, h in enumerate(hosts, 1))
            eventually("the cluster is complete", complete, 30)
            for order in itertools.permutations(range(3)):
                for h in hosts:
                    h.crash()
                for k in order:
                    hosts[k].up()
                began = time.monotonic()
                eventually(f"the cluster is complete, order {order}", complete, 20)
                took = time.monotonic() - began
                print(f"# order {[k + 1 for k in order]}: complete {took:.1f} s after the last")
                assert took < 12, took # the first connects of a network take their time
        except BaseException as e:
            for h in entered:
                print(f"---- journal of {h.name}\n{h.journal_text()[-3000:]}")
            raise
        finally:
            for h in entered:
                h.box("down")


main([orders])
