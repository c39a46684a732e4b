#!/usr/bin/python3
"""Game data that five services share, reloaded while they hold on to it."""
import os
from harness import main
from stock import Stock, folder

HERE = os.path.dirname(os.path.abspath(__file__))


def readers_follow(build):
    """sharedata: new, query, update, deepcopy, delete; readers see the new version in what they
    hold"""
    with Stock(build, folder(HERE)) as n:
        p = n.run()
        assert p.returncode == 0, p
        for i in range(1, 6):
            for text in ("version 1, 2 swords, sum 14, kept 9", "is there",
                         "version 2, 2 swords, sum 28, kept 18",
                         "The key [.shop] doesn't exist after update"):
                assert f"reader {i}: {text}\n" in p.stdout, (text, p.stdout)
        assert "again false" in p.stdout and "text 1 2 3\n" in p.stdout \
            and "copy long\n" in p.stdout and "gone false" in p.stdout
        assert "Error newindex, the key [" in p.stdout, p.stdout


main([readers_follow])
