"""A UDP relay on a thread that loses, doubles, delays and so reorders datagrams, by a seed."""
import heapq, random, selectors, socket, threading, time


class Relay:
    """lose, twice: of a hundred datagrams; late: seconds, evenly from 0. May change meanwhile."""

    def __init__(self, to, seed, lose=0, twice=0, late=0.0):
        self.to, self.lose, self.twice, self.late = ("127.0.0.1", to), lose, twice, late
        self.random = random.Random(seed)
        self.front = self.bound()
        self.port = self.front.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.front, selectors.EVENT_READ)
        self.outer, self.waiting, self.count, self.passed = {}, [], 0, 0
        self.ends = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def bound():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))
        s.setblocking(False)
        return s

    def move(self):
        """Each client has another address from now on."""
        for s in self.outer.values():
            self.selector.unregister(s)
            s.close()
        self.outer = {}

    def behind(self, client):
        if client not in self.outer:
            self.outer[client] = self.bound()
            self.selector.register(self.outer[client], selectors.EVENT_READ, client)
        return self.outer[client]

    def put(self, sock, to, data):
        self.passed += 1
        for _ in range(2 if self.random.randrange(100) < self.twice else 1):
            if self.random.randrange(100) >= self.lose:
                self.count += 1
                at = time.monotonic() + self.random.random() * self.late
                heapq.heappush(self.waiting, (at, self.count, sock, to, data))

    def send_due(self):
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            _, _, sock, to, data = heapq.heappop(self.waiting)
            try:
                sock.sendto(data, to)
            except OSError:
                pass # the socket is of before a move, or nobody is there

    def run(self):
        while not self.ends:
            wait = self.waiting[0][0] - time.monotonic() if self.waiting else 0.05
            for key, _ in self.selector.select(max(0, min(wait, 0.05))):
                try:
                    data, sender = key.fileobj.recvfrom(65536)
                except OSError:
                    continue
                if key.fileobj is self.front:
                    self.put(self.behind(sender), self.to, data)
                else:
                    self.put(self.front, key.data, data)
            self.send_due()

    def close(self):
        self.ends = True
        self.thread.join()
        self.move()
        self.front.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
