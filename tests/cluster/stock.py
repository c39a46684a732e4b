"""Nodes with skynet-style configurations, in a folder of their own."""
import json, os, subprocess, tempfile
from harness import Failed, control_socket, eventually, held, leave, release


class Stock:
    """files: name -> text, written into the folder, which is the node's working directory. `config`
    is one of them. `node` names the files of its output. env: what is set, or with None is not.
    log: the file of its logger, if that is not stdout. prefix: words before the command."""

    def __init__(self, build, files, config="config.lua", node="n", env=None, tmp=None, log="",
                 prefix=()):
        held.append(self)
        self.build, self.node, self.config = os.path.abspath(build), node, config
        self.tmp = tmp or tempfile.mkdtemp(prefix="harbor-test-")
        self.env = {k: v for k, v in dict(os.environ, TZ="UTC", **(env or {})).items()
                    if v is not None}
        self.process, self.found, self.log, self.prefix = None, None, log, list(prefix)
        for name, text in files.items():
            path = os.path.join(self.tmp, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as f:
                f.write(text)

    def argv(self, *more):
        return [*self.prefix, self.build + "/harbord", *more, self.config]

    def start(self):
        with open(f"{self.tmp}/{self.node}.out", "wb") as out, open(f"{self.tmp}/{self.node}.err",
                                                                    "wb") as err:
            self.process = subprocess.Popen(self.argv(), cwd=self.tmp, env=self.env,
                                            stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=err)
        self.found = None
        return self

    def run(self, *more, limit=60):
        """Runs it to its end."""
        return subprocess.run(self.argv(*more), cwd=self.tmp, env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=limit)

    def read(self, name):
        try:
            with open(f"{self.tmp}/{name}", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    @property
    def out(self):
        return self.read(self.node + ".out")

    @property
    def err(self):
        return self.read(self.node + ".err")

    @property
    def socket(self):
        if not self.found:
            self.found = control_socket(self.out + (self.read(self.log) if self.log else ""),
                                        self.process.pid)
        return self.found

    def ctl(self, *args, limit=20):
        p = subprocess.run([*self.prefix, self.build + "/harborctl", "--socket", self.socket,
                            "--json", *args],
                           capture_output=True, text=True, timeout=limit, env=self.env)
        if p.returncode and (p.returncode, args[-1]) != (4, "status"): # not healthy
            raise Failed(f"harborctl {' '.join(args)}: {p.returncode} {p.stderr.strip()} "
                         f"{p.stdout.strip()}")
        return json.loads(p.stdout)

    def call(self, *args, limit=20):
        return self.ctl("call", *args, limit=limit)["values"]

    def said(self, text, seconds=20):
        eventually(f"{self.node} says {text!r}", lambda: text in self.out, seconds)

    def end(self, seconds=20):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(seconds)

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        release(self)
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if kind:
            print(f"# {self.node} out: {self.out[-3000:]!r}\n# {self.node} err: "
                  f"{self.err[-1500:]!r}")
        leave(self.tmp, kind)


def folder(path):
    """The files of a program, as Stock takes them."""
    files = {}
    for at, _, names in os.walk(path):
        for name in names:
            if name.endswith(".lua"):
                with open(os.path.join(at, name)) as f:
                    files[os.path.relpath(os.path.join(at, name), path)] = f.read()
    return files


def sanitizer(build):
    """Flags for a module that is loaded into this build."""
    name = os.path.basename(os.path.normpath(build))
    if "address" in name or "asan" in name:
        return ["-fsanitize=address,undefined"]
    return ["-fsanitize=thread"] if "thread" in name or "tsan" in name else []
