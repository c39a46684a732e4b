#!/usr/bin/python3
"""The page of a node (lua/service/web) in a real browser, against three real nodes: its numbers are
harborctl's, it sorts and filters, shows another node and one service with its stacks, sees a node
die, and loads nothing from elsewhere.

usage: dashboard.py --build DIR [--only TEXT] [--screenshot FILE]

Skipped where there is no Chromium, as test.py is.
"""
import contextlib, os, re, sys, threading
sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../deploy/demo"), os.path.join(HERE, "../cluster")]
import chromium
from chromium import Browser, Page
from harness import Cluster, Failed, eventually, free_port, main
from png import Image

LUA = os.path.join(HERE, "../cluster/web")


def start(c, name, harbor, **kw):
    n = c.node(name, harbor, start_now=False, **kw)
    n.web = free_port()
    with open(n.config, "a") as f:
        f.write(f'web: {{ listen: "127.0.0.1:{n.web}" }}\n')
    return n.start()


@contextlib.contextmanager
def looking(build):
    """Three nodes that call each other, and a browser that looks at the first."""
    with Cluster(build, LUA) as c, Browser() as browser:
        c.m = start(c, "m", 1, master=True, args="MAIN")
        c.a = start(c, "a", 2, args="ALPHA")
        c.b = start(c, "b", 3, args="BETA")
        for n in c.nodes:
            n.ready()
        c.clerk = c.m.call(".shop", "hire")[0]
        for n in c.nodes:
            n.call(".shop", "ask", str(int(c.clerk[1:], 16)), "200", "work")
        page = Page(browser, f"http://127.0.0.1:{c.m.web}/", 1200, 1500)
        eventually("the page shows services",
                   lambda: page.eval("document.querySelectorAll('#services tbody tr').length") > 5)
        yield c, page
        assert not browser.errors, browser.errors


def rows(page, part):
    """What a table shows: {head: text} of each row."""
    return page.eval("""[...document.querySelectorAll('#%s tbody tr')].map((tr) => {
        const heads = [...tr.closest('table').querySelectorAll('th')];
        return Object.fromEntries([...tr.children].map((td, i) =>
            [heads[i].textContent.replaceAll(' ', '_'), td.textContent]));
    })""" % part)


def same_numbers(build):
    """Services, nodes, calls and names are those of harborctl"""
    with looking(build) as (c, page):
        def same():
            shown = {r["handle"]: r for r in rows(page, "services")}
            told = {s["handle"]: s for s in c.m.ctl("services")["services"]}
            assert set(shown) == set(told) and shown[c.clerk]["service"] == "snlua clerk"
            assert shown[c.clerk]["messages"] == str(told[c.clerk]["messages"]), shown[c.clerk]
            nodes = {r["name"]: r["state"] for r in rows(page, "nodes")}
            assert nodes == {n["name"]: n["state"] for n in c.m.ctl("nodes")["nodes"]}, nodes
            calls = {(r["caller"], r["callee"]): r["errors"] for r in rows(page, "calls")}
            assert calls == {(r["caller"], r["callee"]): str(r["errors"])
                             for r in c.m.ctl("calls")["calls"]}, calls
            names = {r["name"] for r in rows(page, "names")}
            assert names == {n["name"] for n in c.m.ctl("names")["names"]}, names
            return True

        def catching():
            try:
                return same()
            except AssertionError as e:
                raise Failed(f"not the same: {e}")
        eventually("the page shows harborctl's numbers", catching)
        eventually("the charts have lines", lambda: page.eval(
            "[...document.querySelectorAll('#charts polyline')].length") == 6)
        if "--screenshot" in sys.argv:
            page.eval("[...document.querySelectorAll('#services tr.choice')]"
                      ".find((tr) => tr.textContent.includes('snlua clerk')).click()")
            stop = threading.Event()
            eventually("stacks are there", lambda: page.eval("document.getElementById('stacks')"
                                                             ".textContent.length") > 10)
            for _ in range(12):
                c.m.call(".shop", "ask", str(int(c.clerk[1:], 16)), "3000", "work")
                stop.wait(0.5)
            with open(sys.argv[sys.argv.index("--screenshot") + 1], "wb") as f:
                f.write(page.picture())


def sorts_and_filters(build):
    """A click on a head sorts, a second one the other way; the field filters"""
    with looking(build) as (c, page):
        def click(head):
            page.eval("[...document.querySelectorAll('#services th')]"
                      f".find((th) => th.textContent === '{head}').click()")
        click("handle")
        first = [r["handle"] for r in rows(page, "services")]
        assert first == sorted(first), first
        click("handle")
        assert [r["handle"] for r in rows(page, "services")] == first[::-1]
        page.eval("document.getElementById('filter').value = 'clerk'")
        eventually("one is left", lambda: [r["service"] for r in rows(page, "services")] ==
                   ["snlua clerk"])


def one_service(build):
    """A service's page: charts, who calls it, and the stacks of its tasks"""
    with looking(build) as (c, page):
        page.eval("[...document.querySelectorAll('#services tr.choice')]"
                  f".find((tr) => tr.textContent.includes('{c.clerk}')).click()")
        eventually("who calls it", lambda: {(r["caller"], r["callee"])
                                            for r in rows(page, "service-calls")} ==
                   {("main", "clerk")})
        eventually("its stacks", lambda: c.clerk in page.eval(
            "document.getElementById('stacks').textContent"))
        eventually("its charts", lambda: page.eval(
            "document.querySelectorAll('#service-charts polyline').length") == 4)
        page.eval("document.getElementById('close').click()")
        assert page.eval("document.getElementById('service').hidden")


def other_nodes(build):
    """A click in the map shows another node; a node that dies turns red"""
    with looking(build) as (c, page):
        page.eval("document.querySelector('#map circle[data-node=a]')"
                  ".dispatchEvent(new MouseEvent('click'))")
        eventually("the services of a", lambda: all(r["handle"].startswith(":02")
                                                    for r in rows(page, "services")))
        eventually("its line", lambda: page.eval("document.getElementById('line').textContent")
                   .startswith("a: "))
        c.b.kill()
        eventually("b is down", lambda: page.eval(
            "document.querySelector('#map circle[data-node=b]').classList.contains('down')"))
        page.eval("document.querySelector('#map circle[data-node=m]')"
                  ".dispatchEvent(new MouseEvent('click'))")
        eventually("m again", lambda: all(r["handle"].startswith(":01")
                                          for r in rows(page, "services")))


def looks_right(build):
    """It is not blank, and asks nobody but its node"""
    with looking(build) as (c, page):
        image = Image(page.picture())
        colours = {image.at(x, y) for x in range(0, image.width, 7)
                   for y in range(0, image.height, 7)}
        assert len(colours) > 10, colours
        asked = page.eval("performance.getEntriesByType('resource').map((r) => r.name)")
        assert asked and all(re.match(rf"(http://127\.0\.0\.1:{c.m.web}/|data:)", a)
                             for a in asked), asked


tests = [same_numbers, sorts_and_filters, one_service, other_nodes, looks_right]
if chromium.path():
    main(tests)
for i, test in enumerate(tests, 1):
    print(f"ok {i} - {test.__doc__} # SKIP no chromium (make browser-test)")
print(f"1..{len(tests)}")
