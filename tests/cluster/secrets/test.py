#!/usr/bin/python3
"""Where the secrets of a configuration are not: in what a core file of the process would hold, in
its environment and arguments, in its log, in what harborctl shows and dumps. And what becomes of a
file with a secret that others may read."""
import os, re, ssl, subprocess, sys
from harness import Cluster, eventually, main
sys.path += [os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/" + f
             for f in ("federation", "secure_links")]
from clusters import Federation
from etcd import Etcd
from pki import Authority, of_private_key

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = sys.argv[sys.argv.index("--build") + 1]
PASSWORD = "the pass word of etcd 4711"


def of_key_file(path):
    """Each half of the key, as bytes and as they are written."""
    with open(path, encoding="ascii") as f:
        digits = f.read().split()[2]
    halves = digits[:32], digits[32:]
    return [h.encode() for h in halves] + [bytes.fromhex(h) for h in halves]


def dumped(pid):
    """The mappings that a core file would hold: (name, bytes)."""
    with open(f"/proc/{pid}/smaps", encoding="ascii") as f:
        parts = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)\n((?:[A-Z].*\n)+)",
                           f.read(), re.M)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for begin, end, modes, name, figures in parts:
            if "w" not in modes or " dd" in re.search("^VmFlags:.*", figures, re.M)[0]:
                continue
            at, end = int(begin, 16), int(end, 16)
            while at < end:
                mem.seek(at)
                try:
                    piece = mem.read(min(end - at, 64 << 20))
                except OSError:
                    break # it is gone
                yield f"{name or 'heap'} {at:x}", piece
                at += len(piece) or end - at


def looked_through(pid, needles):
    found, size = [], 0
    for name, piece in dumped(pid):
        size += len(piece)
        found += [f"{what} in {name}" for what, n in needles for n in n if n in piece]
    assert size > 1 << 20, f"only {size} bytes of {pid} were seen"
    return found


def nowhere(node, needles):
    """needles: [(what, [bytes])]"""
    pid = node.process.pid
    if "san-" not in BUILD: # where there is no jemalloc the heap has them
        found = looked_through(pid, needles)
        assert not found, f"{node.name}: {found}"
    texts = {}
    for what in ("environ", "cmdline"):
        with open(f"/proc/{pid}/{what}", "rb") as f:
            texts[what] = f.read()
    for words in (["status"], ["config"], ["nodes"], ["services"], ["events"], ["logs"]):
        p = subprocess.run([node.cluster.build + "/harborctl", "--socket", node.socket, "--json",
                            "--node", node.name, *words], capture_output=True)
        assert len(p.stdout) > 10, (words, p.stderr)
        texts[words[0]] = p.stdout
    with open(node.ctl("dump")["file"], "rb") as f:
        texts["dump"] = f.read()
    with open(node.log, "rb") as f:
        texts["log"] = f.read()
    found = [(what, where) for what, ns in needles for n in ns for where, text in texts.items()
             if n in text]
    assert not found, found


def keys(build):
    """the keys of a cluster and of a federation, while links are up and after a reload"""
    os.environ["SECURE"] = "1"
    try:
        f = Federation(build, {"x": 1, "y": 1}, key=True)
    finally:
        del os.environ["SECURE"]
    with f:
        f.ready().formed()
        for town in f.towns.values():
            path = re.search(r"key_file: ([^},]+)", town.secure)[1]
            needles = [("cluster.key_file", of_key_file(path)),
                       ("federation.key_file", of_key_file(town.key))]
            for node in town.nodes:
                node.ctl("reload")
                nowhere(node, needles)


def certificates(build):
    """the private key of a node's certificate"""
    with Cluster(build, HERE) as c:
        a, nodes = Authority(c.tmp + "/ca"), []
        for i, name in enumerate("ab", 1):
            cert, key = a.issue(name, f"DNS:{name}", "IP:127.0.0.1")
            node = c.node(name, i, master=i == 1, extra=f", ca_file: {a.ca}, cert_file: {cert}, "
                          f"cert_key_file: {key}")
            nodes.append((node, key))
        for node, key in nodes:
            node.ready()
            eventually("a link", lambda: [n for n in node.ctl("nodes")["nodes"]
                                          if n["state"] == "up"])
            node.ctl("reload")
            nowhere(node, [("cluster.cert_key_file", of_private_key(key))])


def candidate(c, etcd, credentials, more):
    """A node whose registry is in etcd, with credentials of a unit."""
    node = c.node("a", 1, master=True, start_now=False,
                  env={"CREDENTIALS_DIRECTORY": credentials})
    with open(node.config, encoding="ascii") as f:
        text = re.sub(r"state_dir: .*", f"registry: etcd, etcd: [127.0.0.1:{etcd.port}], {more} }}",
                      f.read())
    with open(node.config, "w", encoding="ascii") as f:
        f.write(text)
    return node.start().ready()


def password_of_etcd(build):
    """the password for etcd, a credential of the unit, after a login"""
    with Cluster(build, HERE) as c:
        etcd = Etcd(c.tmp).start()
        try:
            etcd.ask("auth/user/add", {"name": "root", "password": PASSWORD})
            etcd.ask("auth/role/add", {"name": "root"})
            etcd.ask("auth/user/grant", {"user": "root", "role": "root"})
            etcd.ask("auth/enable", {})
            with open(c.tmp + "/password", "w", encoding="ascii") as f:
                f.write(PASSWORD + "\n")
            os.chmod(c.tmp + "/password", 0o440) # as systemd may do it, with an ACL
            node = candidate(c, etcd, c.tmp, "etcd_user: root, "
                             "etcd_password_file: 'credential:password'")
            nowhere(node, [("master.etcd_password_file", [PASSWORD.encode()])])
        finally:
            etcd.kill()


def key_of_etcd(build):
    """the private key for etcd, a credential of the unit"""
    with Cluster(build, HERE) as c:
        a = Authority(c.tmp + "/ca")
        server, client = a.issue("etcd", "IP:127.0.0.1"), a.issue("me", "DNS:me")
        context = ssl.create_default_context(cafile=a.ca)
        context.load_cert_chain(*client)
        etcd = Etcd(c.tmp, "--cert-file", server[0], "--key-file", server[1], "--trusted-ca-file",
                    a.ca, "--client-cert-auth", scheme="https", context=context).start()
        try:
            node = candidate(c, etcd, a.dir, f"etcd_ca_file: {a.ca}, etcd_cert_file: {client[0]}, "
                             "etcd_key_file: 'credential:me.key'")
            nowhere(node, [("master.etcd_key_file", of_private_key(client[1]))])
        finally:
            etcd.kill()


SECRETS = {
    "cluster.key_file": ("cluster", "key_file: {file}"),
    "cluster.cert_key_file": ("cluster", "ca_file: {ca}, cert_file: {ca}, cert_key_file: {file}"),
    "federation.key_file": ("federation", "listen: 127.0.0.1:0, key_file: {file}"),
    "master.etcd_password_file": ("master", "registry: etcd, etcd: [127.0.0.1:1], etcd_user: u, "
                                  "etcd_password_file: {file}"),
    "master.etcd_key_file": ("master", "registry: etcd, etcd: [127.0.0.1:1], etcd_ca_file: {ca}, "
                             "etcd_cert_file: {ca}, etcd_key_file: {file}"),
}


def readable_by_others(build):
    """each is refused, with its place and status 78, if others may read or write its file, if it
    belongs to somebody else, or if it is no credential of the unit"""
    with Cluster(build, HERE) as c:
        c.secure = ""
        a = Authority(c.tmp + "/ca")
        key = c.key()
        node = c.node("a", 1, master=True, start_now=False)
        with open(node.config, encoding="ascii") as f:
            plain = f.read()
        plain = re.sub(r", state_dir: [^ ]+ }", " }", plain)

        def check(text, **env):
            with open(node.config, "w", encoding="ascii") as f:
                f.write(text)
            p = subprocess.run([c.build + "/harbord", "--check", node.config], capture_output=True,
                               text=True, env={**os.environ, **env})
            return p.returncode, p.stdout + p.stderr

        for name, (section, words) in SECRETS.items():
            def with_file(file):
                said = words.format(file=file, ca=a.ca)
                if section == "federation":
                    return f"{plain}federation: {{ {said} }}\n"
                return re.sub(rf"^({section}: .*) }}$", rf"\1, {said} }}", plain, flags=re.M)

            for mode in (0o640, 0o604, 0o620):
                os.chmod(key, mode)
                status, said = check(with_file(key))
                assert status == 78 and re.search(
                    rf"^{re.escape(node.config)}:\d+:\d+: {re.escape(name)}: {re.escape(key)}: "
                    rf"others may read or write it \(mode 0{mode:o}\): chmod 600$", said,
                    re.M), said
            os.chmod(key, 0o600)
            if os.geteuid() == 0:
                os.chown(key, 65534, -1)
                status, said = check(with_file(key))
                assert status == 78 and f"{name}: {key}: it belongs to another user" in said, said
                os.chown(key, 0, -1)
            status, said = check(with_file("'credential:x'"))
            assert status == 78 and f"{name}: there are no credentials" in said, said
            status, said = check(with_file("'credential:x'"), CREDENTIALS_DIRECTORY=c.tmp)
            assert status == 78 and f"{name}: {c.tmp}/x: No such file" in said, said
            status, said = check(with_file(key))
            assert f"{name}: " not in said or name == "cluster.cert_key_file", said


if __name__ == "__main__":
    main([keys, certificates, password_of_etcd, key_of_etcd, readable_by_others])
