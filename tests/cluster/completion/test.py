#!/usr/bin/python3
"""Completion of harborctl in bash and zsh: commands, options, their values, names of nodes and of
services that live."""
import os, pty, re, select, shutil, subprocess, time
from harness import Cluster, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))

# What is typed ("|": the cursor stands behind the last word) and what must be offered: exactly, or
# with a "+" in front these among others.
CASES = [
    ("", "+status nodes call top local key config"),
    ("st", "status stop stat"),
    ("--", "--socket --node --json --wide --version --help"),
    ("log-l", "log-level"),
    ("log-level ", "debug info warning error default"),
    ("log_level w", "warning"),
    ("-s SOCKET call ", "+.counter .launcher COUNTER"),
    ("-s SOCKET call .cou", ".counter"),
    ("--socket SOCKET --json task CO", "COUNTER"),
    ("-s SOCKET --node ", "+a"),
    ("-s SOCKET drain ", "+a"),
    ("drain a --", "--undo --status --wait"),
    ("-s SOCKET trace .counter ", "on off default"),
    ("log .counter o", "on off"),
    ("top --sort mem", "memory_bytes memory_bytes_per_second"),
    ("top --", "--sort --limit --interval --once --all"),
    ("top --all --sort cpu_percent --on", "--once"),
    ("sockets --sort ", "queued_bytes received_bytes sent_bytes since id"),
    ("-s SOCKET sockets --owner .cou", ".counter"),
    ("master ", "move"),
    ("key ", "new show"),
    ("names --", "--waiting --transfer --release"),
    ("kill .counter --", "--force"),
    ("call --", "--json-args"),
    ("-s SOCKET send .counter ", "lua text"),
    ("registry backup FOLDER/on", "FOLDER/one"),
    ("config --diff FOLDER/", "+FOLDER/one FOLDER/two"),
    ("--socket FOLDER/tw", "FOLDER/two"),
    ("nosuch ", ""),
    ("stat x y z ", ""),
]


class Town(Cluster):
    def __enter__(self):
        self.a = self.node("a", 0)
        self.a.ready()
        self.folder = self.tmp + "/files"
        os.mkdir(self.folder)
        for name in ("one", "two"):
            open(f"{self.folder}/{name}", "w").close()
        return super().__enter__()

    def text(self, name, harbor, **kw):
        return "\n".join(line for line in super().text(name, harbor, **kw).splitlines()
                         if not line.startswith("cluster:")) + "\n"

    def filled(self, text):
        return text.replace("SOCKET", self.a.socket).replace("FOLDER", self.folder)


def matches(wanted, offered):
    if wanted.startswith("+"):
        return set(wanted[1:].split()) <= set(offered)
    return sorted(wanted.split()) == sorted(offered)


def in_bash(build):
    """bash: what is offered for thirty beginnings"""
    with Town(build, HERE) as c:
        for typed, wanted in CASES:
            words = ["harborctl", *c.filled(typed).split(" ")]
            script = (f"source {c.build}/completion/harborctl.bash; COMP_WORDS=(\"$@\"); "
                      f"COMP_CWORD=$(($# - 1)); _harborctl; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
            p = subprocess.run(["bash", "--norc", "-c", script, "bash", *words], timeout=20,
                               capture_output=True, text=True,
                               env=dict(os.environ, PATH=f"{c.build}:{os.environ['PATH']}"))
            assert p.returncode == 0 and not p.stderr, (typed, p)
            offered = [x for x in p.stdout.split("\n") if x]
            assert matches(c.filled(wanted), offered), (typed, wanted, offered)


def bash_loads_it_by_name(build):
    """bash: the file that is installed registers itself for harborctl"""
    p = subprocess.run(["bash", "--norc", "-c", f"source {build}/completion/harborctl.bash; "
                        "complete -p harborctl"], capture_output=True, text=True, timeout=20)
    assert p.stdout.strip() == "complete -F _harborctl harborctl", p


class Zsh:
    """An interactive zsh on a terminal of its own, that lists what it would complete."""
    def __init__(self, c):
        env = dict(os.environ, PATH=f"{c.build}:{os.environ['PATH']}", TERM="dumb",
                   ZDOTDIR=c.tmp, COLUMNS="200", LINES="200")
        with open(c.tmp + "/.zshrc", "w") as f:
            f.write(f"fpath=({c.build}/completion $fpath)\nautoload -U compinit\ncompinit -D -u\n"
                    "setopt no_beep\nPS1='READY'\n"
                    # ^X: notes what is offered, and clears the line
                    "show() { compadd() { local -a got; builtin compadd -O got \"$@\"; "
                    "print -rl -- '=' $got >> $OFFERED; builtin compadd \"$@\" } }\n"
                    "zle -C offered complete-word _main_complete\n"
                    "probe() { show; zle offered; unfunction compadd; BUFFER=; "
                    "print -r -- done >> $OFFERED }\nzle -N probe\nbindkey '^X' probe\n")
        self.file = c.tmp + "/offered"
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe("zsh", ["zsh", "-i"], dict(env, OFFERED=self.file))
        self.wait("READY")

    def wait(self, text, seconds=20):
        seen, until = "", time.monotonic() + seconds
        while text not in seen:
            assert time.monotonic() < until, seen
            if select.select([self.fd], [], [], 0.2)[0]:
                seen += os.read(self.fd, 65536).decode(errors="replace")

    def offers(self, line):
        open(self.file, "w").close()
        os.write(self.fd, line.encode() + b"\x18")
        until = time.monotonic() + 20
        while True:
            with open(self.file) as f:
                text = f.read()
            if "done\n" in text:
                break
            assert time.monotonic() < until, (line, text)
            if select.select([self.fd], [], [], 0.05)[0]:
                os.read(self.fd, 65536)
        return [x for x in text.split("\n") if x and x not in ("=", "done")]

    def close(self):
        os.close(self.fd)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


def in_zsh(build):
    """zsh: the same"""
    with Town(build, HERE) as c:
        z = Zsh(c)
        try:
            for typed, wanted in CASES:
                if "FOLDER" in typed:
                    continue # zsh's own _files
                offered = list(dict.fromkeys(z.offers("harborctl " + c.filled(typed))))
                assert matches(c.filled(wanted), offered), (typed, wanted, offered)
        finally:
            z.close()


if __name__ == "__main__":
    main([in_bash, bash_loads_it_by_name, *([in_zsh] if shutil.which("zsh") else [])])
