#!/usr/bin/python3
"""Encrypted links: keys, their rotation, certificates, and everybody else, who gets nowhere."""
import os, re, secrets, signal, socket, subprocess, threading, time
from harness import Cluster, Failed, eventually, free_port, main
from pki import Authority
from proxy import Proxy

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.pop("SECURE", None) # a node without a key shall be one


def new_key(c, name):
    path = f"{c.tmp}/{name}"
    subprocess.run([c.build + "/harborctl", "key", "new", path], check=True, capture_output=True)
    return path


def line_of(path):
    with open(path) as f:
        return f.read()


def name_of(path):
    return line_of(path).split()[1]


def write(path, text):
    """In one step, as who rotates keys should do it."""
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


def keyed(path, more=""):
    return f", key_file: {path}{more}"


def of_certificate(a, cert, key, more=""):
    return f", ca_file: {a.ca}, cert_file: {cert}, cert_key_file: {key}{more}"


def link(n, other):
    return next(x for x in n.ctl("nodes")["nodes"] if x["name"] == other)


def works(n, other):
    """A call to the other node comes back."""
    me, it = "MAIN_" + n.name, "MAIN_" + other
    return eventually(f"{n.name} reaches {other}",
                      lambda: n.call(me, "ask", it, "hello") == ["hello"])


def logged(n, text):
    eventually(f"{n.name} logs: {text}", lambda: n.logged(text))


def refused(n):
    return n.ctl("status")["connections_refused"]


def in_background(f):
    """Begins f(); gives a function that waits for what it returns."""
    result = []
    thread = threading.Thread(target=lambda: result.append(f()))
    thread.start()

    def wait():
        thread.join()
        return result[0]
    return wait


# ---- keys ----

def with_a_key(build):
    """nodes with one key: calls and large messages pass, and harborctl says how"""
    with Cluster(build, HERE) as c:
        key = new_key(c, "key")
        a = c.node("a", 1, master=True, extra=keyed(key)).ready()
        b = c.node("b", 2, extra=keyed(key)).ready()
        works(a, "b")
        works(b, "a")
        assert a.call("MAIN_a", "large", "MAIN_b", str(24 << 20), limit=60) == [True]
        there = link(a, "b")
        assert there["cipher"] == "TLS_AES_128_GCM_SHA256", there
        assert there["proof"] == "key " + name_of(key), there
        s = a.ctl("status")
        assert s["encrypted"] and s["proof"] == "key " + name_of(key), s
        assert s["connections_refused"] == 0 and s["handshakes_failed"] == 0, s


def nothing_to_read(build):
    """between two nodes a third who copies every byte sees no name and no text"""
    with Cluster(build, HERE) as c:
        key, port = new_key(c, "key"), free_port()
        middle = Proxy(port)
        a = c.node("a", 1, master=True, extra=keyed(key)).ready()
        b = c.node("b", 2, port=port,
                   extra=keyed(key, f", advertise: 127.0.0.1:{middle.port}")).ready()
        works(a, "b")
        eventually("the link goes through the middle", lambda: middle.pairs)
        assert a.call("MAIN_a", "ask", "MAIN_b", "open sesame") == ["open sesame"]
        assert len(middle.seen) > 500
        for word in (b"HBRD", b"open sesame", b"echo", b"test"):
            assert word not in middle.seen, word
        middle.close()


def other_keys(build):
    """who has another key, or none, does not get in, and both ends say why"""
    with Cluster(build, HERE) as c:
        key, other, same = new_key(c, "key"), new_key(c, "other"), f"{c.tmp}/same"
        write(same, f"harbor-key-1 {name_of(key)} {secrets.token_hex(32)}\n")
        a = c.node("a", 1, master=True, extra=keyed(key)).ready()
        b = c.node("b", 2, extra=keyed(other))
        logged(b, f'the other end refuses our key "{name_of(other)}": it does not have it')
        logged(a, f'its key "{name_of(other)}" is none of this node\'s')
        n = c.node("n", 3, extra=keyed(same))
        logged(n, "what it has under this name is another one")
        plain = c.node("plain", 4)
        logged(plain, "its links are encrypted, and this node has no cluster.key_file")
        s = eventually("they are counted", lambda: (lambda s: s if s["handshakes_failed"] > 8
                                                    else None)(a.ctl("status")))
        assert s["connections_refused"] > 8, s
        assert [x["name"] for x in a.ctl("nodes")["nodes"]] == ["a"]
        with open(a.log) as f:
            lines = [line for line in f if "connection from 127.0.0.1:" in line]
        up = s["uptime_seconds"]
        assert 1 <= len(lines) <= up + 3, (lines, up) # one a second
        a.call("MAIN_a", "echo", "lives")


def key_against_none(build):
    """a node with a key does not join a cluster without one"""
    with Cluster(build, HERE) as c:
        a = c.node("a", 1, master=True).ready()
        b = c.node("b", 2, extra=keyed(new_key(c, "key")))
        logged(a, "its links are encrypted, and this node has no cluster.key_file")
        logged(b, "not in the cluster yet")
        assert [x["name"] for x in a.ctl("nodes")["nodes"]] == ["a"]


def rotation(build):
    """a key takes another's place on running nodes, and no call fails while nothing is removed"""
    with Cluster(build, HERE) as c:
        keys = [new_key(c, k) for k in ("k1", "k2")]
        lines, names = [line_of(k) for k in keys], [name_of(k) for k in keys]
        nodes, files = [], []
        for i, name in enumerate("abd"):
            files.append(f"{c.tmp}/{name}.key")
            write(files[i], lines[0])
            nodes.append(c.node(name, i + 1, master=i == 0, extra=keyed(files[i])).ready())
        a, b, d = nodes
        works(b, "d")

        def spread(text):
            for n, file in zip(nodes, files):
                write(file, text)
                known = line_of(n.log).count("keys were read again")
                failed = in_background(lambda: b.call("MAIN_b", "ask_often", "MAIN_d", "2000",
                                                      limit=60))
                n.signal(signal.SIGHUP)
                eventually("it read them", lambda: line_of(n.log).count("keys were read again")
                           > known)
                assert failed() == [0]
        spread(lines[0] + lines[1])
        spread(lines[1] + lines[0])
        assert link(b, "d")["proof"] == "key " + names[0] # made with the old one
        spread(lines[1])
        eventually("links have the new key", lambda: all(
            x["proof"] == "key " + names[1] for x in b.ctl("nodes")["nodes"] if x["name"] != "b"))
        works(b, "d")
        works(a, "b")
        late = c.node("late", 9, extra=keyed(keys[0])) # who missed it stays out
        logged(late, "it does not have it")


def rotation_by_restarts(build):
    """the same by restarting one node after the other: nobody is refused"""
    with Cluster(build, HERE) as c:
        keys = [new_key(c, k) for k in ("k1", "k2")]
        lines = [line_of(k) for k in keys]
        file = {n: f"{c.tmp}/{n}.key" for n in "ab"}
        for path in file.values():
            write(path, lines[0])
        a = c.node("a", 1, master=True, extra=keyed(file["a"])).ready()
        b = c.node("b", 2, extra=keyed(file["b"])).ready()
        for text in (lines[0] + lines[1], lines[1] + lines[0], lines[1]):
            for n in (a, b):
                write(file[n.name], text)
                n.stop()
                n.start().ready()
                works(b, "a")
        for n in (a, b):
            assert not n.logged("refuses our key") and not n.logged("none of this node's"), n.name


def bad_files(build):
    """a key file that others can read, or that is none, is an error with its place"""
    with Cluster(build, HERE) as c:
        key = new_key(c, "key")

        def check(extra, *words):
            n = c.node("x", 1, start_now=False, master=True, extra=extra)
            c.nodes.remove(n)
            p = subprocess.run([build + "/harbord", "--check", n.config], capture_output=True,
                               text=True)
            assert p.returncode == 78 and all(w in p.stderr for w in words), p
        os.chmod(key, 0o640)
        check(keyed(key), "x.yaml:3:", "others may read or write it (mode 0640)", key)
        os.chmod(key, 0o600)
        write(key, line_of(key) + "harbor-key-1 x 12\n")
        check(keyed(key), "line 2: a key has 64 digits")
        check(keyed("credential:nothing"), "CREDENTIALS_DIRECTORY is not set")
        check(keyed("/nowhere/key"), "No such file")
        check(f", ca_file: {key}", "cluster.cert_file is missing")
        auth = Authority(c.tmp + "/pki")
        cert, of_cert = auth.issue("x", "DNS:x")
        check(of_certificate(auth, cert, key), "cluster.cert_key_file", "x.yaml: ")
        check(of_certificate(auth, key, of_cert), "cluster.cert_file", key)
        check(of_certificate(auth, cert, of_cert, f", crl_file: {key}"), "cluster.crl_file")


def mappings_with(pid, secret):
    """The mappings of a process that hold these bytes, each with whether core files have it."""
    found = []
    with open(f"/proc/{pid}/smaps") as f:
        maps = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (r\S+) .*\n(?:[A-Z]\w+:.*\n)*?VmFlags: (.*)$",
                          f.read(), re.M)
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for begin, end, _, flags in maps:
            try:
                memory.seek(int(begin, 16))
                held = secret in memory.read(int(end, 16) - int(begin, 16))
            except (OSError, OverflowError, MemoryError):
                continue # [vvar]; the terabytes that a sanitizer keeps its notes in
            if held:
                found.append((begin, "dd" not in flags.split()))
    return found


def not_in_core_files(build):
    """the key is in memory that core files do not have, and nowhere else"""
    with Cluster(build, HERE) as c:
        path = new_key(c, "key")
        key = bytes.fromhex(line_of(path).split()[2])
        a = c.node("a", 1, master=True, extra=keyed(path)).ready()
        b = c.node("b", 2, extra=keyed(path)).ready()
        works(a, "b")
        for _ in range(2):
            for n in (a, b):
                # what a handshake under way has of it goes with the handshake
                eventually("no core file has it", lambda: {in_core for _, in_core in
                                                           mappings_with(n.process.pid, key)}
                           == {False})
                n.signal(signal.SIGHUP)
                logged(n, "keys were read again")
        works(b, "a")


def credentials(build):
    """the key is a credential of the unit"""
    with Cluster(build, HERE) as c:
        os.mkdir(f"{c.tmp}/credentials")
        key = new_key(c, "credentials/cluster-key")
        os.chmod(key, 0o440) # as newer systemd has them, with access by an ACL
        env = {"CREDENTIALS_DIRECTORY": f"{c.tmp}/credentials"}
        a = c.node("a", 1, master=True, extra=keyed("credential:cluster-key"), env=env).ready()
        b = c.node("b", 2, extra=keyed("credential:cluster-key"), env=env).ready()
        works(b, "a")


def fails(n, why, *words):
    try:
        n.ctl(*words)
    except Failed as e:
        assert why in str(e), e
    else:
        raise Failed(f"harborctl {words} does not fail")


def by_hand(build):
    """a credential is as old as the start: `reload --keys` puts newer keys into its place, and no
    reload brings the old one back"""
    with Cluster(build, HERE) as c:
        os.mkdir(f"{c.tmp}/credentials")
        old, new = new_key(c, "credentials/cluster-key"), new_key(c, "next")
        env = {"CREDENTIALS_DIRECTORY": f"{c.tmp}/credentials"}
        a = c.node("a", 1, master=True, extra=keyed("credential:cluster-key"), env=env).ready()
        b = c.node("b", 2, extra=keyed("credential:cluster-key"), env=env).ready()
        works(b, "a")
        proof = lambda n: n.ctl("status")["proof"]

        def taken(text):
            write(f"{c.tmp}/taken", text)
            for n in (a, b):
                n.ctl("reload", "--keys", f"{c.tmp}/taken")
        taken(line_of(old) + line_of(new))
        taken(line_of(new) + line_of(old))
        taken(line_of(new))
        for n in (a, b):
            assert n.ctl("reload")["state"] == "reloaded"
            assert proof(n) == "key " + name_of(new), proof(n)
            assert n.ctl("status")["connections_refused"] == 0
        eventually("the link has the new key",
                   lambda: link(b, "a")["proof"] == "key " + name_of(new))
        works(b, "a")
        for words, why in ((("--keys", f"{c.tmp}/nowhere"), "No such file"),
                           (("--keys", "taken"), "begins with /"),
                           (("--key", f"{c.tmp}/taken"), "reload --keys FILE")):
            fails(a, why, "reload", *words)
        assert proof(a) == "key " + name_of(new)


# ---- certificates ----

def pki(c):
    a = Authority(c.tmp + "/pki")
    return a, {n: a.issue(n, "DNS:" + n, *(["IP:127.0.0.1"] if n == "a" else [])) for n in "abd"}


def crowd_at(port, enough):
    while not enough.wait(0.005):
        with socket.create_connection(("127.0.0.1", port), 10) as s:
            s.sendall(b"let me in please\n")


def with_certificates(build):
    """nodes with certificates; each must name its node, and the master's its host"""
    with Cluster(build, HERE) as c:
        auth, cert = pki(c)
        a = c.node("a", 1, master=True, extra=of_certificate(auth, *cert["a"])).ready()
        b = c.node("b", 2, extra=of_certificate(auth, *cert["b"])).ready()
        works(a, "b")
        works(b, "a")
        assert a.call("MAIN_a", "large", "MAIN_b", str(4 << 20), limit=60) == [True]
        assert link(a, "b")["proof"] == "certificate b", link(a, "b")
        left = a.ctl("status")["certificate_left_seconds"]
        assert 2 * 86400 - 300 < left <= 2 * 86400, left
        # d's certificate in the hands of a node that calls itself e
        e = c.node("e", 5, extra=of_certificate(auth, *cert["d"]))
        logged(e, "its certificate is not of the node that it says it is")
        stranger = Authority(c.tmp + "/other")
        f = c.node("f", 6, extra=of_certificate(auth, *stranger.issue("f", "DNS:f")))
        logged(a, "its certificate: ")
        logged(f, "not in the cluster yet")
        # others who are refused all the time, and first of all, do not hide why g is
        enough = threading.Event()
        crowd = threading.Thread(target=crowd_at, args=(c.master_port, enough))
        crowd.start()
        try:
            c.node("g", 7, extra=of_certificate(auth, *auth.issue("g", "DNS:g", days=-1)))
            logged(a, "certificate has expired")
        finally:
            enough.set()
            crowd.join()
        # b's id is b's, also when it is dead, until somebody has it forgotten
        b.kill()
        eventually("b is dead", lambda: link(a, "b")["state"] == "down")
        d = c.node("d", 2, extra=of_certificate(auth, *cert["d"]))
        logged(d, "harbor id 2 is node b's by its certificate (harborctl forget b)")
        a.ctl("forget", "b")
        d.ready()
        assert d.ctl("status")["harbor"] == 2
        d.stop()
        a.ctl("forget", "d")
        b.start().ready()
        keys = c.node("k", 8, extra=keyed(new_key(c, "key")))
        logged(keys, "not in the cluster yet")
        assert sorted(x["name"] for x in a.ctl("nodes")["nodes"]) == ["a", "b"]


def false_master(build):
    """a certificate of a node is not enough to be the master"""
    with Cluster(build, HERE) as c:
        auth, cert = pki(c)
        c.node("b", 2, master=True, extra=of_certificate(auth, *cert["b"])).ready()
        d = c.node("d", 3, extra=of_certificate(auth, *cert["d"]))
        logged(d, "its certificate is not of the master's host")


def revocation(build):
    """a node whose certificate is revoked loses its links on SIGHUP and gets none again"""
    with Cluster(build, HERE) as c:
        auth, cert = pki(c)
        more = f", crl_file: {auth.dir}/crl.pem"
        a, b, d = (c.node(n, i + 1, master=n == "a",
                          extra=of_certificate(auth, *cert[n], more)).ready()
                   for i, n in enumerate("abd"))
        works(a, "b")
        works(b, "d")
        auth.revoke(cert["d"][0])
        for n in (a, b):
            n.signal(signal.SIGHUP)
            logged(n, "link to node d (harbor 3) is lost: its certificate: certificate revoked")
        eventually("d is out", lambda: link(b, "d")["state"] != "up")
        works(a, "b")
        before = refused(a)
        eventually("d is refused", lambda: refused(a) > before + 1)
        assert link(b, "d")["state"] != "up" and link(a, "d")["state"] != "up"


def revocation_of_an_issuer(build):
    """the list of the root's takes the certificate of an issuer below it back, and with it those of
    its nodes; without a list of the root's the issuer stands"""
    with Cluster(build, HERE) as c:
        root, east, west = (Authority(f"{c.tmp}/{n}") for n in ("root", "east", "west"))
        for issuer in (east, west):
            issuer.certify(root)
        chain = lambda issuer, name, *more: issuer.issue(name, "DNS:" + name, *more, chain=True)
        cert = {"a": chain(east, "a", "IP:127.0.0.1"), "b": chain(east, "b"), "d": chain(west, "d")}

        def lists(*issuers):
            write(f"{c.tmp}/lists.pem", "".join(line_of(f"{i.dir}/crl.pem") for i in issuers))
        lists(east, west)
        more = f", crl_file: {c.tmp}/lists.pem"
        a, b, d = (c.node(n, i + 1, master=n == "a",
                          extra=of_certificate(root, *cert[n], more)).ready()
                   for i, n in enumerate("abd"))
        works(b, "d")
        root.revoke(west.ca)
        lists(root, east, west)
        for n in (a, b):
            n.signal(signal.SIGHUP)
            logged(n, "link to node d (harbor 3) is lost: its certificate: certificate revoked")
        works(a, "b")
        before = refused(a)
        eventually("d is refused", lambda: refused(a) > before + 1)
        assert link(b, "d")["state"] != "up" and link(a, "d")["state"] != "up"


# ---- those in the middle, and strangers ----

def a_changed_byte(build):
    """one byte changed on the way breaks the link; it comes back, and nothing was read of it"""
    with Cluster(build, HERE) as c:
        key, wanted = new_key(c, "key"), []
        ports, middles = {n: free_port() for n in "ab"}, {}

        def before(name, other):
            def each(data, upward):
                if wanted == [name if upward else other] and len(data) > 60:
                    wanted.clear()
                    data = bytearray(data)
                    data[-1] ^= 1 # of the seal of a record
                return [bytes(data)]
            return each
        for n, other in ("ab", "ba"): # whoever connects: there is somebody in the middle
            middles[n] = Proxy(ports[n], before(n, other))

        def node(n, **more):
            return c.node(n, 1 + (n == "b"), port=ports[n], extra=keyed(
                key, f", advertise: 127.0.0.1:{middles[n].port}"), **more).ready()
        a, b = node("a", master=True), node("b")
        works(a, "b")
        for victim, other in ((b, "a"), (a, "b")):
            wanted.append(victim.name)
            a.call("MAIN_a", "ask_often", "MAIN_b", "3", limit=60)
            logged(victim, f"link to node {other} (harbor {1 + (other == 'b')}) is lost: a record "
                           "was changed on its way")
            works(a, "b")
            works(b, "a")
        for n in (a, b):
            assert not n.logged("no frame") and not n.logged("not of a harbor")
        for m in middles.values():
            m.close()


def in_single_bytes(build):
    """a handshake that comes byte by byte is as good as any"""
    with Cluster(build, HERE) as c:
        key, port = new_key(c, "key"), free_port()
        middle = Proxy(port, lambda data, upward: [data[i:i + 1] for i in range(len(data))])
        a = c.node("a", 1, master=True, extra=keyed(key)).ready()
        c.node("b", 2, port=port,
               extra=keyed(key, f", advertise: 127.0.0.1:{middle.port}")).ready()
        works(a, "b")
        eventually("the link goes through the middle", lambda: middle.pairs)
        middle.close()


def is_closed(s):
    try:
        return s.recv(4096) == b""
    except ConnectionResetError:
        return True


def until_closed(s):
    s.settimeout(8)
    while not is_closed(s):
        pass


def strangers(build):
    """strangers' bytes are refused at once, half a handshake after its time; all are counted"""
    with Cluster(build, HERE) as c:
        key, port = new_key(c, "key"), free_port()
        a = c.node("a", 1, master=True, port=port, extra=keyed(key)).ready()
        hello = b"\0\0\0\x20\x04HBRD" + b"\0" * 27
        record = b"\x17\x03\x03\0\x20" + b"x" * 32
        for at in (port, c.master_port):
            for data in (hello, record, b"GET / HTTP/1.1\r\n\r\n", secrets.token_bytes(3000)):
                with socket.create_connection(("127.0.0.1", at), 10) as s:
                    s.sendall(data)
                    until_closed(s)
        s = a.ctl("status")
        assert s["connections_refused"] == 8 and s["handshakes_failed"] == 8, s
        began = time.monotonic()
        silent = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(4)]
        silent[1].sendall(b"\x16\x03\x01\x02\0\x01")
        silent[2].sendall(b"\x16\x03\x01\x40\0" + b"\x01\0\x3f\xfc\x03\x03" + b"r" * 9000)
        with open(f"{c.tmp}/err", "w") as err: # a handshake that ends well, and then silence
            tool = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-psk",
                                     line_of(key).split()[2], "-psk_identity", name_of(key),
                                     "-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"],
                                    stdin=subprocess.PIPE, stdout=err, stderr=err)
            for s in silent:
                until_closed(s)
                s.close()
            assert time.monotonic() - began < 8
            tool.wait(8)
        eventually("all are counted", lambda: refused(a) == 13)
        logged(a, "the handshake took too long")
        a.call("MAIN_a", "echo", "lives")


def a_flood(build):
    """thousands of strangers cost little, and members get through"""
    with Cluster(build, HERE) as c:
        key, port = new_key(c, "key"), free_port()
        a = c.node("a", 1, master=True, port=port, extra=keyed(key)).ready()
        b = c.node("b", 2, extra=keyed(key)).ready()
        works(b, "a")
        held = []

        def flood(count):
            for i in range(count):
                s = socket.create_connection(("127.0.0.1", port), 10)
                s.sendall(b"\x16\x03\x01\x40\0" + b"\x01\0\x3f\xfc\x03\x03" + b"r" * 2000)
                held.append(s)
        flood(600)

        def outlives():
            """One from another address keeps its place; None: that took longer than a handshake
            may."""
            began = time.monotonic()
            with socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0)) as quiet:
                flood(900)
                open_still = not is_closed(quiet)
            return open_still if time.monotonic() - began < 4 else None
        assert next((x for x in (outlives() for _ in range(5)) if x is not None), True)
        late = c.node("late", 3, extra=keyed(key)).ready()
        works(late, "a")
        works(b, "a")
        assert refused(a) >= 1500 - 512
        assert a.ctl("status")["sockets"] < 600
        for s in held:
            s.close()


main([with_a_key, nothing_to_read, other_keys, key_against_none, rotation, rotation_by_restarts,
      bad_files, not_in_core_files, credentials, by_hand, with_certificates, false_master,
      revocation, revocation_of_an_issuer, a_changed_byte, in_single_bytes, strangers, a_flood])
