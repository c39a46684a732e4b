"""A man in the middle: takes connections at a port of its own and passes them on to another."""
import socket, threading


class Proxy:
    """each(data, upward) gives what is passed on of what came, in one list of pieces; upward: to
    the port behind."""
    def __init__(self, port, each=lambda data, upward: [data]):
        self.behind, self.each, self.seen, self.pairs = port, each, bytearray(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.behind), 10)
            except OSError:
                return
            far.settimeout(None)
            for s in (near, far):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs.append((near, far))
            for a, b, upward in ((near, far, True), (far, near, False)):
                threading.Thread(target=self.pass_on, args=(a, b, upward), daemon=True).start()

    def pass_on(self, a, b, upward):
        try:
            while data := a.recv(65536):
                self.seen += data
                for piece in self.each(data, upward):
                    b.sendall(piece)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        for pair in self.pairs:
            for s in pair:
                s.close()
