"""Secrets of a node are credentials of its unit, under the systemd of this machine and under that
of Debian 13; or files that nobody else may read. They are in no journal, environment, argument or
core file."""
import os, re
from boxes import GAME, Host, eventually, main, newer_root

HERE = os.path.dirname(os.path.abspath(__file__))
UNIT = "harbord@gate"
STORE = "/etc/harbor/credentials"
NAMES = ("cluster", "federation")


def config(cluster, federation):
    return (f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'
            "node: { harbor: 1 }\n"
            "cluster: { name: c, listen: 127.0.0.1:7100, master: [127.0.0.1:7000], key_file: "
            f"'{cluster}' }}\n"
            "master: { listen: 127.0.0.1:7000 }\n"
            f"federation: {{ listen: 127.0.0.1:7200, key_file: '{federation}' }}\n")


def nowhere(h, secrets):
    """A crash, and nothing that is left has one of them, as bytes or as text."""
    pid = h.prop(UNIT, "MainPID")
    for what in ("environ", "cmdline"):
        text = h.sh(f"tr '\\0' '\\n' </proc/{pid}/{what}")
        assert text and not any(s in text for s in secrets), what
    restarts = int(h.prop(UNIT, "NRestarts"))
    h.run("systemctl", "kill", "-s", "ABRT", UNIT)
    h.want(UNIT, 20, NRestarts=str(restarts + 1), ActiveState="active")
    text = h.journal_text()
    assert not any(s in text for s in secrets)
    found = h.sh("find /var/lib/harbor/gate -name 'core*' -o -name '*.crash'").split()
    for file in found:
        for s in secrets:
            half = "".join(f"\\x{s[i:i + 2]}" for i in range(0, 32, 2))
            for words in (["-P", half], ["-F", s[:32]], ["-F", s[32:]]):
                p = h.run("env", "LC_ALL=C", "grep", "-c", "-a", *words, file, ok=[1])
                assert p.stdout.strip() == "0", (file, words)
    return [os.path.basename(f) for f in found]


def credentials(h):
    h.sh("mkdir -p /etc/systemd/system/harbord@gate.service.d")
    secrets = []
    for name in NAMES:
        h.sh(f"harborctl key new {STORE}/{name}; cd {STORE}; "
             f"systemd-creds --with-key=host --name={name} encrypt {name} {name}.cred")
        secrets.append(h.sh(f"cat {STORE}/{name}").split()[-1])
    modes = h.sh(f"stat -c '%a %U' {STORE} {STORE}/cluster").split()
    assert modes == ["700", "root", "600", "root"], modes
    h.configure("gate", config("credential:cluster", "credential:federation"))
    left = []
    for kind, end in (("LoadCredential", ""), ("LoadCredentialEncrypted", ".cred")):
        h.drop_in("harbord@gate.service", "[Service]\n" + "".join(
            f"{kind}={name}:{STORE}/{name}{end}\n" for name in NAMES))
        h.run("systemctl", "restart", UNIT)
        s = h.ctl("gate", "status")
        assert s["encrypted"] and s["state"] in ("running", "ready"), s
        eventually("a gateway with a key", lambda: re.search(
            r"federation: .* listens at .*with a key|with a key", h.journal_text()))
        left = nowhere(h, secrets)
    print(f"# {h.run('systemctl', '--version').stdout.split()[1]}: of the dead process: {left}")
    h.drop_in("harbord@gate.service", f"[Service]\nLoadCredential=cluster:{STORE}/cluster\n")
    h.run("systemctl", "restart", UNIT, ok=[1])
    h.want(UNIT, 5, ActiveState="failed", ExecMainStatus="78")
    assert any("federation.key_file: " in r["MESSAGE"] and "No such file" in r["MESSAGE"]
               for r in h.journal("-u", UNIT)), "the missing credential is named"
    return secrets


def files(h, secrets):
    h.sh(f"rm -r /etc/systemd/system/harbord@gate.service.d; systemctl daemon-reload; "
         f"cp {STORE}/cluster {STORE}/federation /etc/harbor; cd /etc/harbor; "
         "chown _harbor:_harbor cluster federation; chmod 600 cluster; chmod 640 federation")
    h.configure("gate", config("/etc/harbor/cluster", "/etc/harbor/federation"))
    h.run("systemctl", "reset-failed", UNIT)
    h.run("systemctl", "start", UNIT, ok=[1])
    h.want(UNIT, 5, ActiveState="failed", ExecMainStatus="78", NRestarts="0")
    said = eventually("the reason", lambda: [
        r["MESSAGE"] for r in h.journal("-u", UNIT)
        if "others may read or write it (mode 0640): chmod 600" in r["MESSAGE"]])
    assert said[-1].startswith("/etc/harbor/gate.yaml:5:"), said
    h.sh("chmod 600 /etc/harbor/federation")
    h.run("systemctl", "start", UNIT)
    nowhere(h, secrets)


def on_this_machine(build):
    """keys of a cluster and of a federation: plain and encrypted credentials, and files"""
    with Host(build, lua=HERE) as h:
        files(h, credentials(h))


def on_a_newer_one(build):
    """the same under systemd 257, which lets the user of the service read them by an ACL"""
    where, why = newer_root()
    assert where, f"needs a root with Debian 13: {why}"
    with Host(build, name="newer", lua=HERE, root=where) as h:
        assert int(h.run("systemctl", "--version").stdout.split()[1]) >= 257
        files(h, credentials(h))


main([on_this_machine, on_a_newer_one])
