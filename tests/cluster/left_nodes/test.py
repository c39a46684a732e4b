#!/usr/bin/python3
"""The harness itself: no node outlives a test that fails, wherever it does so."""
import contextlib, io, os
from harness import Cluster, Failed, main, run

HERE = os.path.dirname(os.path.abspath(__file__))


def a_test_that_fails_before_its_with(build):
    """nodes of a cluster that was never entered are ended when the test fails, and their folder is
    named"""
    nodes = []

    def start():
        c = Cluster(build, HERE)
        nodes.extend((c.node("m", 1, master=True), c.node("a", 2)))
        nodes[0].ready()
        raise Failed("it did not come up")

    def test(build):
        with start():
            pass

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert run([test], build) == 1
    assert all(n.process.poll() is not None for n in nodes)
    assert "not ok 1 - test\n# Failed: it did not come up" in said.getvalue(), said.getvalue()
    assert f"# its files: {nodes[0].cluster.tmp}" in said.getvalue(), said.getvalue()
    nodes[0].cluster.__exit__(None)


main([a_test_that_fails_before_its_with])
