"""The life of a node as a service: it is ready when it says so, and comes back when it dies."""
import os
from boxes import GAME, Host, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
ALONE = f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'


def starts_and_comes_back(build):
    """a node starts with the shipped unit, is ready, is killed and comes back"""
    with Host(build, lua=HERE) as h:
        h.write("/etc/harbor/harbor.yaml", ALONE, "640", "root:_harbor")
        h.run("systemctl", "start", "harbord@gate")
        # start returned, so READY was said
        h.want("harbord@gate", 1, ActiveState="active", SubState="running", NRestarts="0")
        assert h.ctl("gate", "call", ".main", "hello")["values"] == ["main hears hello"]
        born = h.prop("harbord@gate", "InvocationID")
        h.run("systemctl", "kill", "-s", "KILL", "harbord@gate")
        h.want("harbord@gate", 10, ActiveState="active", NRestarts="1")
        assert h.prop("harbord@gate", "InvocationID") != born
        assert h.ctl("gate", "call", ".main", "again")["values"] == ["main hears again"]
        h.run("systemctl", "stop", "harbord@gate")
        h.want("harbord@gate", 1, ActiveState="inactive", Result="success")


main([starts_and_comes_back])
