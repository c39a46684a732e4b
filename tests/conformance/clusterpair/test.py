#!/usr/bin/python3
"""Two single nodes that talk by skynet.cluster."""
import os
from harness import free_port, main
from stock import Stock, folder

HERE = os.path.dirname(os.path.abspath(__file__))


def front_calls_back(build):
    """register, open, call by name, local name and handle, send, a large request, a proxy, what
    fails"""
    files = folder(HERE)
    files["nodes.lua"] = files["nodes.lua"].replace("BACK_PORT", str(free_port()))
    with Stock(build, files, node="back").start() as back:
        back.said("back is open")
        with Stock(build, files, config="front.lua", node="front") as front:
            p = front.run()
            assert p.returncode == 0, p
            for text in ("name: echo 1", "local name: there", "handle: by handle", "send: sent",
                         "large: 1000000",
                         "proxy: through a proxy", "unknown name: false", "absent node: false",
                         "node that is down: false"):
                assert text + "\n" in p.stdout, (text, p.stdout)
        assert back.process.wait(20) == 0


if os.path.exists(os.path.join(HERE, "../../../lua/lib/skynet/cluster.lua")):
    main([front_calls_back])
else:
    print("ok 1 - two single nodes that talk by skynet.cluster # SKIP there is no skynet.cluster "
          "yet\n1..1")
