"""What systemd/README.md says is typed works as it stands there."""
import os, re
from boxes import ROOT, Host, main

LIFE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/life"


def blocks(build):
    """the blocks of systemd/README.md run, one after the other"""
    with open(f"{ROOT}/systemd/README.md", encoding="utf-8") as f:
        scripts = re.findall(r"^```sh run\n(.*?)^```$", f.read(), re.M | re.S)
    assert len(scripts) >= 5, len(scripts)
    with Host(build, lua=LIFE) as h:
        for script in scripts:
            out = h.sh(script, limit=120)
            assert out, script
        assert "MiB of memory, " in out, out # the last one asks for that line
        names = [n["name"] for n in h.ctl("gate", "nodes")["nodes"]]
        assert sorted(names) == ["gate", "master"], names


main([blocks])
