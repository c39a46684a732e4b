# SPDX-License-Identifier: MIT
"""What the machine of a node can do to it besides its network: a disk that fills up, a wall clock
that jumps, descriptors that run out. Each function begins a fault and returns what ends it."""
import os, resource, struct, subprocess
import network

DISK_MIB = 64


class Disk:
    """A small file system of its own for a node's state and log. Needs root."""

    def __init__(self, folder):
        self.folder, self.ballast, self.full = folder, folder + "/ballast", 0
        os.makedirs(folder)
        network.run("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", folder)

    def fill(self):
        """Not one byte more fits until all who have filled it have ended that."""
        self.full += 1
        with open(self.ballast, "ab", buffering=0) as f:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        f.write(bytes(size))
                except OSError:
                    pass  # it is full
        return self.free

    def free(self):
        self.full -= 1
        if not self.full:
            os.unlink(self.ballast)

    def close(self):
        subprocess.run(["umount", "-l", self.folder], capture_output=True)


class Clock:
    """The wall clock of one process, see clock.c."""

    def __init__(self, path):
        self.path, self.shift = path, 0
        self.write()

    def write(self):
        """In place: the process has the file mapped."""
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as f:
            f.write(struct.pack("q", self.shift))

    def jump(self, seconds):
        self.shift += seconds * 10 ** 9
        self.write()

        def back():
            self.shift -= seconds * 10 ** 9
            self.write()
        return back


def descriptors(pid, spare):
    """From now on the process may open `spare` descriptors more than it has."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    # The limit bounds the numbers of descriptors, and the highest one may stand above a gap.
    highest = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1 + spare, before[1]))

    def end():
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        except ProcessLookupError:
            pass  # it was killed meanwhile
    return end
