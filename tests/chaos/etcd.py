# SPDX-License-Identifier: MIT
"""One etcd in a namespace of the network, as a process that can be killed, frozen and started
again; what it keeps survives that."""
import os, shutil, signal, subprocess
import network

PORT = 2379


def why_not():
    return None if shutil.which("etcd") else "etcd is not installed (make chaos-deps)"


class Etcd:
    def __init__(self, net, i, folder):
        self.net, self.i, self.folder, self.process = net, i, folder, None
        self.address = f"{net.address(i)}:{PORT}"

    def start(self):
        urls = f"http://{self.address}"
        own = "http://127.0.0.1:2380"
        with open(self.folder + "/etcd.log", "ab") as log:
            self.process = subprocess.Popen(self.net.inside(self.i, [
                "etcd", "--data-dir", self.folder + "/etcd", "--listen-client-urls", urls,
                "--advertise-client-urls", urls, "--listen-peer-urls", own,
                "--initial-advertise-peer-urls", own, "--initial-cluster", f"default={own}",
                "--logger", "zap"]),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=dict(os.environ, ETCD_UNSUPPORTED_ARCH=os.uname().machine))

    def kill(self):
        """Returns what starts it again."""
        if self.process.poll() is not None:
            return lambda: None
        self.process.kill()
        self.process.wait()
        return self.start

    def freeze(self):
        """Returns what wakes it."""
        process = self.process

        def send(sig):
            if process.poll() is None:
                os.kill(process.pid, sig)
        send(signal.SIGSTOP)
        return lambda: send(signal.SIGCONT)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
