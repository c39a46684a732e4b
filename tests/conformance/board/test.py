#!/usr/bin/python3
"""A board in the datacenter, written on one node and read on the other of a master/slave pair."""
import os
from harness import free_port, main
from stock import Stock, folder

HERE = os.path.dirname(os.path.abspath(__file__))


def two_nodes_share_a_board(build):
    """two nodes with harbor 1 and 2: global names, datacenter get, set, wait"""
    env = {k: str(free_port()) for k in ("MASTER_PORT", "FIRST_PORT", "SECOND_PORT")}
    with Stock(build, folder(HERE), node="first", env=env).start() as first:
        with Stock(build, folder(HERE), config="second.lua", node="second",
                   env=env).start() as second:
            second.said("done", 40)
            assert second.process.wait(20) == 0 and first.process.wait(20) == 0
            for text in ("writer is on 1, remote true", "i am on 2, remote true",
                         "rules: be kind, be brief", "first: first",
                         "nothing: nil", "through a leaf: false", "before: first", "after: changed",
                         "post 2: text 2", "post 3: text 3", "post 4: text 4"):
                assert text in second.out, (text, second.out)
            assert "second is here" in first.out, first.out
            assert "[:02000002] LAUNCH snlua bootstrap" in second.out \
                and "LAUNCH snlua cslave" in second.out
            assert "LAUNCH snlua datacenterd" in first.out and "datacenterd" not in second.out


main([two_nodes_share_a_board])
