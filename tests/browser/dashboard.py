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


# What looking changes: the page asks them.
LOOKED_AT = ("harborweb", "harbord", "harboradmin", "logger")
TABLES = {"services": ("services", "services", ("handle",)), "nodes": ("nodes", "nodes", ("name",)),
          "calls": ("calls", "calls", ("caller", "callee")),
          "names": ("names", "names", ("name", "handle"))}
# These change by themselves, or are made by the page out of two looks.
UNSTEADY = ("rtt_seconds", "cpu", "messages_per_second")


def exact(page, part):
    """What a table shows, by the columns of its key: numbers as they are, not as they look."""
    found = page.eval("""[...document.querySelectorAll('#%s tbody tr')].map((tr) => {
        const heads = [...tr.closest('table').querySelectorAll('th')];
        return Object.fromEntries([...tr.children].map((td, i) =>
            [heads[i].textContent.replaceAll(' ', '_'),
             td.title !== '' ? Number(td.title) : td.textContent]));
    })""" % part)
    return {tuple(r[k] for k in TABLES[part][2]): r for r in found}


def told(c, part):
    command, rows, key = TABLES[part]
    return {tuple(r[k] for k in key): r for r in c.m.ctl(command)[rows]}


def look_again(page):
    """Waits until the page has asked once more from now on."""
    for _ in range(2):
        at = page.eval("last.at")
        eventually("the page looks again", lambda: page.eval("last?.at") not in (None, at))


def is_steady(part, row):
    return part != "services" or not any(x in row["service"] for x in LOOKED_AT)


def shown_as(value):
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    return value


def differences(c, page, part):
    """{(row, column): (told, shown)} of all that is not the same."""
    rows, ours = told(c, part), exact(page, part)
    wrong = {(k, ""): (k in rows, k in ours) for k in set(rows) ^ set(ours)}
    columns = page.eval(part.upper())
    assert len(columns) >= 4 and all(c in row for row in ours.values() for c in columns)
    for key in set(rows) & set(ours):
        if not is_steady(part, rows[key]) or "harborweb" in key or "harboradmin" in key:
            continue
        for column in columns:
            if column in UNSTEADY or part == "names" and column == "since":
                continue
            said, seen = shown_as(rows[key].get(column)), ours[key][column]
            if said != seen:
                wrong[key, column] = said, seen
    return wrong


def same_numbers(build):
    """Every figure of services, nodes, calls and names is harborctl's, at rest"""
    with looking(build) as (c, page):
        for part in TABLES:
            def same():
                wrong = differences(c, page, part)
                if wrong:
                    raise Failed(f"{part}: {wrong}")
                return True
            eventually(f"the page shows harborctl's {part}", same)
        eventually("round trips are shown", lambda: all(
            0 < r["rtt_seconds"] < 5 for r in exact(page, "nodes").values() if r["state"] == "up"))
        eventually("the charts have lines", lambda: page.eval(
            "[...document.querySelectorAll('#charts polyline')].length") == 6)
        if "--screenshot" in sys.argv:
            picture(c, page)


def picture(c, page):
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


@contextlib.contextmanager
def load(c):
    """Calls on m and from m to a, all the time."""
    far, stop = c.a.call(".shop", "hire")[0], threading.Event()

    def work():
        while not stop.is_set():
            for who in c.clerk, far:
                c.m.call(".shop", "ask", str(int(who[1:], 16)), "1000", "work", limit=60)
    t = threading.Thread(target=work)
    t.start()
    try:
        yield
    finally:
        stop.set()
        t.join()


def grows(row):
    return [k for k in row if k in ("messages", "cpu_seconds", "messages_refused", "calls",
                                    "errors", "max_seconds") or k.startswith(("messages_", "sent_",
                                    "received_", "frames_")) and not k.endswith("_second")]


def under_load(build):
    """A node under load: what only grows lies between what harborctl says before and after; the
    rates are those of top; the map has each node's load"""
    with looking(build) as (c, page), load(c):
        eventually("there is load", lambda: exact(page, "services")[c.clerk,]
                   ["messages_per_second"] > 100)
        for part in "services", "nodes", "calls":
            before = told(c, part)
            look_again(page)
            shown, after = exact(page, part), told(c, part)
            seen = 0
            for key in set(before) & set(after):
                for column in grows(shown[key]):
                    low, high = (r[key].get(column) or 0 for r in (before, after))
                    assert low <= shown[key][column] <= high, \
                        (part, key, column, low, shown[key][column], high)
                    seen += high > low
            assert seen >= 2, (part, "nothing grew")

        def rates():
            top = {r["handle"]: r for r in c.m.ctl("top", "--once")["services"]}[c.clerk]
            ours = exact(page, "services")[c.clerk,]
            for a, b in ((top["messages_per_second"], ours["messages_per_second"]),
                         (top["cpu_percent"] / 100, ours["cpu"])):
                if not 0.5 < (a + 0.01) / (b + 0.01) < 2:
                    raise Failed(f"top says {a}, the page {b}")
            return True
        eventually("the rates are top's", rates)
        eventually("the map has each node's load", lambda: len(page.eval(
            "[...document.querySelectorAll('#map text.load')].map((t) => t.textContent)"
            ".filter((t) => /^cpu [0-9.]+ %, [0-9.]+k? wait$/.test(t))")) == 3)
        for n in c.m.ctl("nodes")["nodes"]:
            circle = f"document.querySelector('#map circle[data-node={n['name']}]')"
            assert n["state"] in page.eval(circle + ".getAttribute('class')").split(), n
            assert page.eval(circle + ".textContent").startswith(f"{n['name']} at {n['address']}: "
                                                                  f"{n['state']}"), n
        assert page.eval("document.getElementById('map').textContent").count("(leads)") == 1


def a_bad_night(build):
    """A node that is dead and one that does not keep up are named at the top, with the reason; a
    click shows one; of a dead one no old figures are shown; of many services it says how many"""
    with looking(build) as (c, page):
        wrong = lambda: page.eval("document.getElementById('wrong-section').hidden"
                                  " ? '' : document.getElementById('wrong').textContent")
        eventually("nothing is wrong", lambda: wrong() == "")
        c.b.kill()
        eventually("b is named", lambda: re.search(r"down b: since .*: \S", wrong()))
        c.a.call(".shop", "pile", "1500", "60")
        eventually("a is named, with its busiest service", lambda: re.search(
            r"overloaded a: cpu [\d.]+ %, 1\.[345]k wait; busiest: :02", wrong()))
        eventually("its circle says so", lambda: page.eval(
            "document.querySelector('#map circle[data-node=a]').classList.contains('busy')"))
        page.eval("[...document.querySelectorAll('#wrong li')]"
                  ".find((li) => li.textContent.includes('b:')).click()")
        eventually("b does not answer", lambda: page.eval(
            "document.getElementById('trouble').textContent").startswith("b: "))
        for part in TABLES:
            assert rows(page, part) == [], part
        assert re.search("down b", wrong()), "the cluster is seen all the same"
        page.eval("document.querySelector('#map circle[data-node=m]')"
                  ".dispatchEvent(new MouseEvent('click'))")
        eventually("m again", lambda: page.eval("document.getElementById('trouble').hidden")
                   and rows(page, "services"))
        events = rows(page, "events")
        assert any(r["event"] == "node_lost" and r["peer"] == "b" for r in events), events
        c.m.call(".shop", "hire_many", "600", limit=60)
        eventually("it says how many there are", lambda: re.search(
            r"The first 500 of 6\d\d",
            page.eval("document.querySelector('#services .more').textContent")))
        assert page.eval("document.getElementById('services').clientHeight") <= 420


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


tests = [same_numbers, under_load, a_bad_night, sorts_and_filters, one_service, other_nodes,
         looks_right]
if chromium.path():
    main(tests)
for i, test in enumerate(tests, 1):
    print(f"ok {i} - {test.__doc__} # SKIP no chromium (make browser-test)")
print(f"1..{len(tests)}")
