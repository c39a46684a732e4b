#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A server that speaks MongoDB's wire protocol (OP_MSG) as far as the tests of skynet.db.mongo need
it, on nothing but the standard library. Its BSON, its SCRAM and its checks are its own.

usage: mongo_server.py [--port N] [--users '{"ann": "secret"}'] [--batch N]
                       [--cert FILE --key FILE]      in TLS

Prints its port. Commands beside MongoDB's, on any data base:

  testlog 1        the messages so far, as binary values, without this one; forgets them
  testrole 1, KEY VALUE ...   what ismaster answers from now on
  testfail 1, COMMAND, DOCUMENT     the next answer to that command
  testopen 1       how many cursors are open
"""
import argparse, base64, hashlib, hmac, json, os, socketserver, ssl, struct, threading


# ---- BSON: documents are lists of (key, value) in the order of the wire ----

class Int64(int):
    pass


class Bytes(bytes):
    """An element of a type that we only pass on: its type and its bytes."""


def cstring(data, at):
    end = data.index(b"\0", at)
    return data[at:end].decode(), end + 1


def decode(data, at=0):
    size, = struct.unpack_from("<i", data, at)
    end = at + size - 1
    assert data[end] == 0
    at += 4
    out = []
    while at < end:
        kind = data[at]
        key, at = cstring(data, at + 1)
        if kind == 1:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        elif kind == 2:
            n, = struct.unpack_from("<i", data, at)
            value, at = data[at + 4:at + 3 + n].decode(), at + 4 + n
        elif kind in (3, 4):
            n, = struct.unpack_from("<i", data, at)
            value, at = decode(data, at), at + n
            if kind == 4:
                assert [k for k, _ in value] == [str(i) for i in range(len(value))]
                value = [v for _, v in value]
            else:
                value = Doc(value)
        elif kind == 8:
            value, at = bool(data[at]), at + 1
        elif kind == 10:
            value = None
        elif kind == 16:
            value, at = struct.unpack_from("<i", data, at)[0], at + 4
        elif kind == 18:
            value, at = Int64(struct.unpack_from("<q", data, at)[0]), at + 8
        else:
            n = {5: lambda: 5 + struct.unpack_from("<i", data, at)[0], 7: lambda: 12,
                 9: lambda: 8, 17: lambda: 8, 127: lambda: 0, 255: lambda: 0}[kind]()
            value, at = Bytes(bytes([kind]) + data[at:at + n]), at + n
        out.append((key, value))
    assert at == end
    return Doc(out)


class Doc(list):
    def get(self, key, default=None):
        return next((v for k, v in self if k == key), default)

    def set(self, key, value):
        for i, (k, _) in enumerate(self):
            if k == key:
                self[i] = (key, value)
                return
        self.append((key, value))

    def names(self):
        return [k for k, _ in self]


def text(s):
    s = s.encode()
    return struct.pack("<i", len(s) + 1) + s + b"\0"


def encode(pairs):
    out = b""
    for key, v in pairs:
        name = key.encode() + b"\0"
        if isinstance(v, bool):
            out += b"\x08" + name + bytes([v])
        elif isinstance(v, Bytes):
            out += v[:1] + name + v[1:]
        elif isinstance(v, bytes):
            out += b"\x05" + name + struct.pack("<ib", len(v), 0) + v
        elif isinstance(v, Int64) or isinstance(v, int) and abs(v) >= 1 << 31:
            out += b"\x12" + name + struct.pack("<q", v)
        elif isinstance(v, int):
            out += b"\x10" + name + struct.pack("<i", v)
        elif isinstance(v, float):
            out += b"\x01" + name + struct.pack("<d", v)
        elif isinstance(v, str):
            out += b"\x02" + name + text(v)
        elif v is None:
            out += b"\x0a" + name
        elif isinstance(v, Doc):
            out += b"\x03" + name + encode(v)
        elif isinstance(v, dict):
            out += b"\x03" + name + encode(v.items())
        else:
            out += b"\x04" + name + encode((str(i), x) for i, x in enumerate(v))
    return struct.pack("<i", len(out) + 5) + out + b"\0"


# ---- SCRAM, the server's side ----

def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


class Scram:
    rounds = 4096

    def __init__(self, mechanism, users, first):
        assert first.startswith("n,,n="), first
        self.bare = first[3:]
        name, nonce = self.bare.split(",")
        self.user = name[2:].replace("=2C", ",").replace("=3D", "=")
        password = users[self.user]
        self.hash = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}[mechanism]
        if self.hash == "sha1":
            password = hashlib.md5(f"{self.user}:mongo:{password}".encode()).hexdigest()
        salt = os.urandom(16)
        self.salted = hashlib.pbkdf2_hmac(self.hash, password.encode(), salt, self.rounds)
        self.nonce = nonce[2:] + base64.b64encode(os.urandom(9)).decode()
        self.challenge = f"r={self.nonce},s={base64.b64encode(salt).decode()},i={self.rounds}"

    def mac(self, key, data):
        return hmac.new(key, data, self.hash).digest()

    def answer(self, last):
        """The server's proof, or None: the client has not proved that it knows the password."""
        without, proof = last.rsplit(",p=", 1)
        assert without == "c=biws,r=" + self.nonce, without
        said = ",".join((self.bare, self.challenge, without)).encode()
        client = self.mac(self.salted, b"Client Key")
        signature = self.mac(hashlib.new(self.hash, client).digest(), said)
        if xor(base64.b64decode(proof), signature) != client:
            return None
        server = self.mac(self.mac(self.salted, b"Server Key"), said)
        return "v=" + base64.b64encode(server).decode()


# ---- what is stored ----

class Failure(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Store:
    def __init__(self, options):
        self.lock = threading.RLock()
        self.users = json.loads(options.users)
        self.batch = options.batch
        self.collections, self.cursors, self.indexes = {}, {}, {}
        self.messages, self.failures = [], []
        self.role = {"ismaster": True}
        self.next_cursor = 7 << 33
        self.next_id = 0


def plain(v):
    """A value that compares as MongoDB's does."""
    return tuple((k, plain(x)) for k, x in v) if isinstance(v, Doc) else v


def matches(doc, query):
    for key, wanted in query:
        value = doc.get(key)
        if isinstance(wanted, Doc) and wanted and wanted[0][0].startswith("$"):
            for op, x in wanted:
                ok = {"$gt": lambda: value is not None and value > x,
                      "$lt": lambda: value is not None and value < x,
                      "$ne": lambda: value != x}.get(op)
                if not ok:
                    raise Failure(2, f"unknown operator: {op}")
                if not ok():
                    return False
        elif plain(value) != plain(wanted):
            return False
    return True


def sort(docs, order):
    for key, way in reversed(order or []):
        docs = sorted(docs, key=lambda d: (d.get(key) is not None, d.get(key)), reverse=way < 0)
    return docs


def changed(doc, update):
    if update and update[0][0].startswith("$"):
        doc = Doc(doc)
        for op, fields in update:
            for k, v in fields:
                doc.set(k, (doc.get(k) or 0) + v if op == "$inc" else v)
        return doc
    return Doc([("_id", doc.get("_id"))] + [p for p in update if p[0] != "_id"])


def project(doc, projection):
    shown = [k for k, v in projection or [] if v]
    return Doc(p for p in doc if p[0] in shown + ["_id"]) if shown else doc


class Session(socketserver.BaseRequestHandler):
    """One connection."""

    def take(self, n):
        data = b""
        while len(data) < n:
            piece = self.request.recv(n - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def handle(self):
        self.user, self.scram, self.answers = None, None, 0
        try:
            if self.server.tls:
                self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            while True:
                head = self.take(16)
                size, number, to, kind = struct.unpack("<iiii", head)
                body = self.take(size - 16)
                assert kind == 2013 and to == 0 and number > 0, (kind, to, number)
                flags, section = struct.unpack_from("<IB", body)
                assert flags in (0, 2) and section == 0
                command = decode(body, 5)
                assert 5 + struct.unpack_from("<i", body, 5)[0] == len(body)
                assert command[1][0] == "$db", command
                reply = self.run(command, head + body)
                if flags == 0:
                    self.send(number, reply)
        except (EOFError, ConnectionError, ssl.SSLError):
            pass

    def send(self, number, reply):
        self.answers += 1
        document = encode(reply)
        self.request.sendall(struct.pack("<iiiiIB", 21 + len(document), self.answers, number,
                                         2013, 0, 0) + document)

    def run(self, command, raw):
        store, name = self.server.store, command[0][0]
        with store.lock:
            if not name.startswith("test"):
                store.messages.append(raw)
            for i, (what, document) in enumerate(store.failures):
                if what == name:
                    del store.failures[i]
                    return document
            free = ("ismaster", "saslStart", "saslContinue", "getnonce", "authenticate", "logout")
            f = getattr(self, "do_" + name, None)
            try:
                if store.users and not self.user and name not in free and name[:4] != "test":
                    raise Failure(13, f"command {name} requires authentication")
                if not f:
                    raise Failure(59, f"no such command: '{name}'")
                return Doc([*f(command[0][1], command).items(), ("ok", 1.0)])
            except Failure as e:
                return Doc([("ok", 0.0), ("errmsg", str(e)), ("code", e.code),
                            ("codeName", "Error")])

    def place(self, name, command):
        return f"{command.get('$db')}.{name}"

    def docs(self, name, command):
        return self.server.store.collections.setdefault(self.place(name, command), [])

    # ---- what a test asks ----

    def do_testlog(self, _, command):
        all, self.server.store.messages = self.server.store.messages, []
        return {"messages": all}

    def do_testrole(self, _, command):
        self.server.store.role = dict(command[2:])
        return {}

    def do_testfail(self, _, command):
        self.server.store.failures.append(command[2])
        return {}

    def do_testopen(self, _, command):
        return {"n": len(self.server.store.cursors)}

    # ---- the connection ----

    def do_ismaster(self, _, command):
        assert command.get("$db") == "admin"
        return {**self.server.store.role, "maxBsonObjectSize": 16777216,
                "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000,
                "minWireVersion": 0, "maxWireVersion": 17, "readOnly": False}

    def do_ping(self, _, command):
        return {}

    def do_saslStart(self, _, command):
        assert command.get("autoAuthorize") == 1
        try:
            self.scram = Scram(command.get("mechanism"), self.server.store.users,
                               base64.b64decode(command.get("payload")).decode())
        except KeyError:
            raise Failure(18, "Authentication failed.")
        self.proved = False
        return {"conversationId": 1, "done": False,
                "payload": base64.b64encode(self.scram.challenge.encode()).decode()}

    def do_saslContinue(self, _, command):
        assert command.get("conversationId") == 1
        last = base64.b64decode(command.get("payload")).decode()
        if self.proved:
            assert last == ""
            self.user = self.scram.user
            return {"conversationId": 1, "done": True, "payload": ""}
        answer = self.scram.answer(last)
        if not answer:
            raise Failure(18, "Authentication failed.")
        self.proved = True
        return {"conversationId": 1, "done": False,
                "payload": base64.b64encode(answer.encode()).decode()}

    def do_getnonce(self, _, command):
        self.nonce = os.urandom(8).hex()
        return {"nonce": self.nonce}

    def do_authenticate(self, _, command):
        user = command.get("user")
        password = self.server.store.users.get(user, "")
        digest = hashlib.md5(f"{user}:mongo:{password}".encode()).hexdigest()
        wanted = hashlib.md5(f"{self.nonce}{user}{digest}".encode()).hexdigest()
        if command.get("nonce") != self.nonce or command.get("key") != wanted:
            raise Failure(18, "auth failed")
        self.user = user
        return {}

    def do_logout(self, _, command):
        self.user = None
        return {}

    # ---- writing ----

    def do_insert(self, name, command):
        docs, errors, n = self.docs(name, command), [], 0
        for i, doc in enumerate(command.get("documents")):
            if doc.get("_id") is None:
                self.server.store.next_id += 1
                doc.insert(0, ("_id", self.server.store.next_id))
            if any(plain(d.get("_id")) == plain(doc.get("_id")) for d in docs):
                errors.append({"index": i, "code": 11000, "errmsg": "E11000 duplicate key error"})
                break
            docs.append(doc)
            n += 1
        return {"n": n, **({"writeErrors": errors} if errors else {})}

    def do_update(self, name, command):
        docs, n, upserted = self.docs(name, command), 0, []
        for i, u in enumerate(command.get("updates")):
            assert u.names() == ["q", "u", "upsert", "multi"], u
            found = [j for j, d in enumerate(docs) if matches(d, u.get("q"))]
            if not u.get("multi"):
                found = found[:1]
            for j in found:
                docs[j] = changed(docs[j], u.get("u"))
            n += len(found)
            if not found and u.get("upsert"):
                self.server.store.next_id += 1
                new = Doc([("_id", self.server.store.next_id), *u.get("q")])
                docs.append(changed(new, u.get("u")))
                upserted.append({"index": i, "_id": self.server.store.next_id})
                n += 1
        more = {"upserted": upserted} if upserted else {}
        return {"n": n, "nModified": n - len(upserted), **more}

    def do_delete(self, name, command):
        docs, n = self.docs(name, command), 0
        for d in command.get("deletes"):
            found = [x for x in docs if matches(x, d.get("q"))]
            for x in found[:1] if d.get("limit") == 1 else found:
                docs.remove(x)
                n += 1
        return {"n": n}

    def do_findAndModify(self, name, command):
        docs = self.docs(name, command)
        found = sort([d for d in docs if matches(d, command.get("query") or [])],
                     command.get("sort"))[:1]
        if not found:
            return {"value": None}
        at = docs.index(found[0])
        if command.get("remove"):
            return {"value": docs.pop(at)}
        docs[at] = changed(docs[at], command.get("update"))
        return {"value": docs[at] if command.get("new") else found[0]}

    def do_bulkWrite(self, _, command):
        places = [p.get("ns") for p in command.get("nsInfo")]
        results, errors = [], 0
        for i, op in enumerate(command.get("ops")):
            kind, index = op[0]
            docs = self.server.store.collections.setdefault(places[index], [])
            if kind == "insert":
                if any(d.get("_id") == op.get("document").get("_id") for d in docs):
                    results.append({"ok": 0.0, "idx": i, "code": 11000, "errmsg": "E11000 twice"})
                    errors += 1
                    if command.get("ordered"):
                        break
                    continue
                docs.append(op.get("document"))
            else:
                found = [d for d in docs if matches(d, op.get("filter"))]
                for d in found if op.get("multi") else found[:1]:
                    if kind == "delete":
                        docs.remove(d)
                    else:
                        docs[docs.index(d)] = changed(d, op.get("updateMods"))
            if not command.get("errorsOnly"):
                results.append({"ok": 1.0, "idx": i, "n": 1})
        return {"cursor": self.cursor("admin.$cmd.bulkWrite", [Doc(r.items()) for r in results], 2),
                "nErrors": errors}

    # ---- reading ----

    def cursor(self, place, docs, batch, name="firstBatch", id=None):
        store = self.server.store
        now, later = docs[:batch], docs[batch:]
        if later:
            if not id:
                store.next_cursor += 1
                id = store.next_cursor
            store.cursors[id] = (place, later)
        elif id:
            store.cursors.pop(id, None)
        return {name: now, "id": Int64(id if later else 0), "ns": place}

    def do_find(self, name, command):
        docs = [d for d in self.docs(name, command) if matches(d, command.get("filter"))]
        docs = sort(docs, command.get("sort"))[command.get("skip") or 0:]
        docs = docs[:command.get("limit") or None]
        docs = [project(d, command.get("projection")) for d in docs]
        batch = command.get("batchSize") or self.server.store.batch
        return {"cursor": self.cursor(self.place(name, command), docs, batch)}

    def do_getMore(self, id, command):
        store = self.server.store
        assert isinstance(id, Int64)
        if id not in store.cursors:
            raise Failure(43, f"cursor id {id} not found")
        place, docs = store.cursors[id]
        assert place.split(".", 1)[1] == command.get("collection"), place
        batch = command.get("batchSize") or store.batch
        return {"cursor": self.cursor(place, docs, batch, "nextBatch", id)}

    def do_killCursors(self, name, command):
        for id in command.get("cursors"):
            assert isinstance(id, Int64)
            self.server.store.cursors.pop(id, None)
        return {}

    def do_count(self, name, command):
        docs = [d for d in self.docs(name, command) if matches(d, command.get("query"))]
        docs = docs[command.get("skip") or 0:][:command.get("limit") or None]
        return {"n": len(docs)}

    def do_aggregate(self, name, command):
        docs = list(self.docs(name, command))
        for stage in command.get("pipeline"):
            (op, x), = stage
            if op == "$match":
                docs = [d for d in docs if matches(d, x)]
            elif op == "$sort":
                docs = sort(docs, x)
            elif op == "$skip":
                docs = docs[x:]
            elif op == "$limit":
                docs = docs[:x]
            elif op == "$count":
                docs = [Doc([(x, len(docs))])] if docs else []
            else:
                raise Failure(40324, f"Unrecognized pipeline stage name: '{op}'")
        batch = command.get("cursor").get("batchSize") or self.server.store.batch
        return {"cursor": self.cursor(self.place(name, command), docs, batch)}

    # ---- indexes ----

    def do_createIndexes(self, name, command):
        mine = self.server.store.indexes.setdefault(self.place(name, command), {})
        for model in command.get("indexes"):
            mine[model.get("name")] = model
        return {"numIndexesAfter": len(mine) + 1}

    def do_testindexes(self, name, command):
        mine = self.server.store.indexes.get(self.place(name, command), {})
        return {"indexes": list(mine.values())}

    def do_dropIndexes(self, name, command):
        mine = self.server.store.indexes.get(self.place(name, command), {})
        if not mine.pop(command.get("index"), None):
            raise Failure(27, f"index not found with name [{command.get('index')}]")
        return {}

    def do_drop(self, name, command):
        if self.place(name, command) not in self.server.store.collections:
            raise Failure(26, "ns not found")
        del self.server.store.collections[self.place(name, command)]
        return {}

    # ---- transactions: only what belongs together is looked at ----

    def do_startSession(self, _, command):
        return {"id": Doc([("id", Bytes(b"\x05" + struct.pack("<ib", 16, 4) + os.urandom(16)))]),
                "timeoutMinutes": 30}

    def do_endSessions(self, ids, command):
        assert len(ids) == 1
        return {}

    def do_commitTransaction(self, _, command):
        assert command.get("autocommit") is False and command.get("txnNumber") == 1
        assert command.get("$db") == "admin"
        return {}

    do_abortTransaction = do_commitTransaction


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    tls = None


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--port", type=int, default=0)
    ap.add_argument("--users", default="{}")
    ap.add_argument("--batch", type=int, default=101)
    ap.add_argument("--cert")
    ap.add_argument("--key")
    options = ap.parse_args()
    with Server(("127.0.0.1", options.port), Session) as server:
        server.store = Store(options)
        if options.cert:
            server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.tls.load_cert_chain(options.cert, options.key)
        print(server.server_address[1], flush=True)
        server.serve_forever()


main()
