#!/usr/bin/python3
"""Tables that five services share without a copy, reloaded from their file."""
import os
from harness import main
from stock import Stock, folder

HERE = os.path.dirname(os.path.abspath(__file__))


def readers_update(build):
    """sharetable: loadfile, loadtable, loadstring, query, update of everything that refers to the
    old version"""
    with Stock(build, folder(HERE)) as n:
        p = n.run()
        assert p.returncode == 0, p
        for i in range(1, 6):
            lines = [x.split(": ", 1)[1] for x in p.stdout.splitlines() if f"reader {i}: " in x]
            old = "version 1, 2 swords, 3 keys, sum 14, kept 9, shop open"
            new = "version 2, 2 swords, 2 keys, sum 28, kept 18, shop nil"
            assert lines == [old, old, new, new], (lines, p.stdout)
        assert "limits 100 one\n" in p.stdout and "code from a string 7 true\n" in p.stdout, \
            p.stdout
        assert "attempt to change a shared table" in p.stdout \
            and "can't setmetatable to shared table" in p.stdout, p.stdout
        assert "unknown nil\n" in p.stdout and "not a table false" in p.stdout, p.stdout


main([readers_update])
