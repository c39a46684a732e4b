#!/usr/bin/python3
"""News for twenty services by multicast: order, the publisher hears itself, unsubscribe, delete."""
import os
from harness import main
from stock import Stock, folder

HERE = os.path.dirname(os.path.abspath(__file__))


def all_hear_all(build):
    """twenty services hear a hundred messages in order"""
    with Stock(build, folder(HERE)) as n:
        p = n.run()
        assert p.returncode == 0, p
        for i in range(1, 21):
            assert f"listener {i} heard 100, 0 wrong\n" in p.stdout, p.stdout
        assert "listener 2 heard 101, 0 wrong\n" in p.stdout \
            and "listener 1 heard 100, 0 wrong\n" in p.stdout
        assert "object [Multicast:" in p.stdout and "deleted false" in p.stdout, p.stdout


main([all_hear_all])
