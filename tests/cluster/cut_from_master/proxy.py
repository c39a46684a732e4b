"""A cable that can be pulled: a port that leads to another one, and while it is cut nothing passes
and nobody is told."""
import selectors, socket, threading


class Cable:
    def __init__(self, port):
        self.to, self.whole = port, threading.Event()
        self.whole.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(near,), daemon=True).start()

    def carry(self, near):
        self.whole.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self.to))
        except OSError:
            return near.close()
        with near, far, selectors.DefaultSelector() as select:
            select.register(near, selectors.EVENT_READ, far)
            select.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in select.select():
                    try:
                        data = key.fileobj.recv(65536)
                        self.whole.wait()
                        if not data:
                            return
                        key.data.sendall(data)
                    except OSError:
                        return

    def cut(self):
        self.whole.clear()

    def mend(self):
        self.whole.set()

    def close(self):
        self.mend()
        self.listener.close()
