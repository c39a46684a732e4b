"""Secrets of a node are credentials of its unit, under the systemd of this machine and under that
of Debian 13; or files that nobody else may read. They are in no journal, environment, argument or
core file."""
import json, os, re, shutil, sys, tempfile
from boxes import GAME, ROOT, Host, eventually, main, newer_root
sys.path.append(ROOT + "/tests/cluster/secure_links")
from pki import Authority, of_private_key

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


def of_key(digits):
    """What nobody may see of the key of a cluster: its halves, as bytes and as they are written."""
    halves = digits[:32], digits[32:]
    return [h.encode() for h in halves] + [bytes.fromhex(h) for h in halves]


def nowhere(h, needles):
    """A crash, and nothing that is left has one of them."""
    pid = h.prop(UNIT, "MainPID")
    secrets = [n.decode() for n in needles if n.isascii()]
    assert secrets, needles
    for what in ("environ", "cmdline"):
        text = h.sh(f"tr '\\0' '\\n' </proc/{pid}/{what}")
        assert text and not any(s in text for s in secrets), what
    for words in ("status", "config", "nodes", "dump"):
        text = h.run("harborctl", "--node", "gate", "--json", words).stdout
        assert len(text) > 10 and not any(s in text for s in secrets), words
    restarts = int(h.prop(UNIT, "NRestarts"))
    h.run("systemctl", "kill", "-s", "ABRT", UNIT)
    h.want(UNIT, 20, NRestarts=str(restarts + 1), ActiveState="active")
    text = h.journal_text()
    assert not any(s in text for s in secrets)
    found = h.sh("find /var/lib/harbor/gate -name 'core*' -o -name '*.crash'").split()
    for file in found:
        for n in needles:
            written = "".join(f"\\x{byte:02x}" for byte in n)
            p = h.run("env", "LC_ALL=C", "grep", "-c", "-a", "-P", written, file, ok=[1])
            assert p.stdout.strip() == "0", (file, n)
    return [os.path.basename(f) for f in found]


def credentials(h):
    h.sh("mkdir -p /etc/systemd/system/harbord@gate.service.d")
    needles = []
    for name in NAMES:
        h.sh(f"harborctl key new {STORE}/{name}; cd {STORE}; "
             f"systemd-creds --with-key=host --name={name} encrypt {name} {name}.cred")
        needles += of_key(h.sh(f"cat {STORE}/{name}").split()[-1])
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
        left = nowhere(h, needles)
    print(f"# {h.run('systemctl', '--version').stdout.split()[1]}: of the dead process: {left}")
    h.drop_in("harbord@gate.service", f"[Service]\nLoadCredential=cluster:{STORE}/cluster\n")
    h.run("systemctl", "restart", UNIT, ok=[1])
    h.want(UNIT, 5, ActiveState="failed", ExecMainStatus="78")
    assert any("federation.key_file: " in r["MESSAGE"] and "No such file" in r["MESSAGE"]
               for r in h.journal("-u", UNIT)), "the missing credential is named"
    return needles


def files(h, needles):
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
    nowhere(h, needles)


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


# ---- etcd ----

PASSWORD = "the pass word of etcd 4711"
ETCD = (f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n'
        "cluster: { name: c, listen: 127.0.0.1:7100, master: [127.0.0.1:7000], insecure: true }\n"
        "master: { listen: 127.0.0.1:7000, registry: etcd, etcd: [127.0.0.1:2379], lease: 2s, "
        "etcd_user: root, etcd_password_file: 'credential:etcd-password', "
        "etcd_ca_file: /etc/harbor/etcd/ca.pem, etcd_cert_file: /etc/harbor/etcd/gate.pem, "
        "etcd_key_file: 'credential:etcd-key' }\n")
# Tells etcd who may do what, as the one who has its client's certificate.
ASK = """
import json, ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/etc/harbor/etcd/ca.pem")
context.load_cert_chain("/etc/harbor/etcd/gate.pem", "/etc/harbor/credentials/etcd-key")
for path, question in json.load(sys.stdin):
    r = urllib.request.Request("https://127.0.0.1:2379/v3/" + path, json.dumps(question).encode())
    print(urllib.request.urlopen(r, timeout=5, context=context).read().decode())
"""


def ask_etcd(h, *questions):
    return h.run("/usr/bin/python3", "-c", ASK, input=json.dumps(questions)).stdout


def start_etcd(h, tmp):
    """In the host, for those who have a certificate and a password; returns what nobody may see."""
    a = Authority(tmp + "/ca")
    server = a.issue("etcd", "IP:127.0.0.1")
    # an etcd that wants a user refuses clients whose certificate has a common name
    client, named = a.issue("gate", "DNS:gate", subject="/O={}"), a.issue("named", "DNS:gate")
    for source, path, mode in ((a.ca, "/etc/harbor/etcd/ca.pem", "644"),
                               (client[0], "/etc/harbor/etcd/gate.pem", "644"),
                               (client[1], STORE + "/etcd-key", "600"),
                               (named[0], "/etc/harbor/etcd/named.pem", "644"),
                               (named[1], STORE + "/named", "600"),
                               (server[0], "/etc/etcd/server.pem", "644"),
                               (server[1], "/etc/etcd/server.key", "600")):
        with open(source, encoding="ascii") as f:
            h.write(path, f.read(), mode)
    h.write(STORE + "/etcd-password", PASSWORD + "\n", "600")
    url = "https://127.0.0.1:2379"
    h.run("systemd-run", "--unit=etcd-of-test", "etcd", "--data-dir", "/run/etcd",
          "--listen-client-urls", url, "--advertise-client-urls", url,
          "--listen-peer-urls", "http://127.0.0.1:2380",
          "--cert-file=/etc/etcd/server.pem", "--key-file=/etc/etcd/server.key",
          "--trusted-ca-file=/etc/harbor/etcd/ca.pem", "--client-cert-auth")
    eventually("etcd answers", lambda: ask_etcd(h, ("kv/range", {"key": "AA=="})), 30)
    ask_etcd(h, ("auth/user/add", {"name": "root", "password": PASSWORD}),
             ("auth/role/add", {"name": "root"}),
             ("auth/user/grant", {"user": "root", "role": "root"}), ("auth/enable", {}))
    return [PASSWORD.encode(), *of_private_key(client[1])]


def load(h, kind, end, **other):
    names = {"etcd-password": "etcd-password", "etcd-key": "etcd-key", **other}
    h.drop_in(f"{UNIT}.service", "[Service]\n" + "".join(
        f"{kind}={name}:{STORE}/{file}{end}\n" for name, file in names.items()))


def etcd(build):
    """the password and the key for an etcd that wants both, plain and encrypted credentials; a
    wrong one is told and tried on, one that is missing is 78"""
    with tempfile.TemporaryDirectory() as tmp, Host(build, lua=HERE) as h:
        h.sh(f"mkdir -p {STORE} && chmod 700 {STORE}")
        needles = start_etcd(h, tmp)
        h.sh(f"cd {STORE}; for n in etcd-password etcd-key; do systemd-creds --with-key=host "
             "--name=$n encrypt $n $n.cred; done")
        h.configure("gate", ETCD)
        for kind, end in (("LoadCredential", ""), ("LoadCredentialEncrypted", ".cred")):
            load(h, kind, end)
            h.run("systemctl", "restart", UNIT)
            h.want(UNIT, 5, ActiveState="active")
            assert h.ctl("gate", "status")["master"], h.ctl("gate", "status")
            nowhere(h, needles)
        # who has no certificate, or another one's, is not heard by this etcd
        assert h.run("/usr/bin/python3", "-c", ASK.replace("context.load", "0 and context.load"),
                     input='[["kv/range", {"key": "AA=="}]]', ok=None).returncode
        h.configure("gate", ETCD.replace("gate.pem", "named.pem"))
        load(h, "LoadCredential", "", **{"etcd-key": "named"})
        h.run("systemctl", "restart", "--no-block", UNIT)
        eventually("it says what etcd says", lambda: any(
            "CommonName of client" in r["MESSAGE"] for r in h.journal("-u", UNIT)), 30)
        h.configure("gate", ETCD)
        h.write(STORE + "/wrong", "not the pass word\n", "600")
        load(h, "LoadCredential", "", **{"etcd-password": "wrong"})
        h.run("systemctl", "restart", "--no-block", UNIT)
        eventually("it says what etcd says", lambda: any(
            "authentication failed" in r["MESSAGE"] for r in h.journal("-u", UNIT)), 30)
        h.want(UNIT, 1, ActiveState="activating", NRestarts="0")
        assert "not the pass word" not in h.journal_text()
        load(h, "LoadCredential", "")
        h.run("systemctl", "restart", UNIT)
        h.want(UNIT, 5, ActiveState="active")
        h.drop_in(f"{UNIT}.service", f"[Service]\nLoadCredential=etcd-key:{STORE}/etcd-key\n")
        h.run("systemctl", "restart", UNIT, ok=[1])
        h.want(UNIT, 5, ActiveState="failed", ExecMainStatus="78")
        assert any("master.etcd_password_file: " in r["MESSAGE"] for r in h.journal("-u", UNIT))


main([on_this_machine, on_a_newer_one, etcd],
     None if shutil.which("etcd") else "needs etcd: make check-systemd installs it")
