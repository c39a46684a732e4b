"""What a node may not do under the shipped unit, and what systemd itself says of the units."""
import os, re
from boxes import GAME, Host, main

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
LIFE = os.path.dirname(HERE) + "/life"
UNIT = "harbord@gate"
UNITS = "/usr/lib/systemd/system"

FORBIDDEN = {
    "write /usr": "touch /usr/x",
    "write /etc": "touch /etc/x",
    "write its configuration": "touch /etc/harbor/x",
    "write the state of others": "touch /var/lib/harbor/other",
    "see homes": "ls /root/.",
    "packet sockets": "python3 -c 'import socket; socket.socket(socket.AF_PACKET)'",
    "netlink": "python3 -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'",
    "raw sockets": "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'",
    "memory that is written and run": "python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=7)'",
    "mounts": "mount -t tmpfs none /tmp",
    "namespaces": "unshare --user true",
    "other processes": "test -e /proc/1",
    "raw disks and memory": "test -e /dev/mem || test -e /dev/kmsg",
    "set-uid files": "touch $STATE_DIRECTORY/s && chmod u+s $STATE_DIRECTORY/s",
    "the personality": "setarch -R true",
    "the clock": "date -s 2001-01-01",
    "the name of the host": "hostname other",
    "priorities of real time": "chrt -f 1 true",
    "kernel settings": "echo 1 >/proc/sys/vm/overcommit_memory",
    "control groups": "mkdir /sys/fs/cgroup/x",
    "a port below 1024": "python3 -c 'import socket; socket.socket().bind((\"\", 80))'",
}
ALLOWED = {
    "its state": "touch $STATE_DIRECTORY/x",
    "its runtime folder": "touch $RUNTIME_DIRECTORY/x",
    "its folder for logs": "touch $LOGS_DIRECTORY/x",
    "its configuration": "cat $CONFIGURATION_DIRECTORY/gate.yaml",
    "a folder for temporary files": "touch /tmp/x",
    "a socket": "python3 -c 'import socket; socket.socket().bind((\"127.0.0.1\", 0))'",
}


def probes(build):
    """what is forbidden fails, and what a node needs does not"""
    with Host(build, lua=LIFE) as h:
        h.configure("gate", f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n')
        h.run("systemctl", "start", UNIT)

        def works(command):
            return h.ctl("gate", "call", ".main", "run", f"({command}) >/dev/null 2>&1",
                         limit=30)["values"][0]
        assert works("true")
        can = [what for what, command in FORBIDDEN.items() if works(command)]
        cannot = [what for what, command in ALLOWED.items() if not works(command)]
        assert not can and not cannot, f"it can: {can}; it cannot: {cannot}"
        # the same commands do work outside, where root may: the probes are no probes else
        for what in ("write /usr", "memory that is written and run", "mounts", "namespaces",
                     "netlink", "the personality"):
            assert h.run("sh", "-c", FORBIDDEN[what], ok=None).returncode == 0, what
        modes = h.sh("stat -c '%a %U:%G %n' /etc/harbor /etc/harbor/gate.yaml /var/lib/harbor/gate "
                     "/var/log/harbor/gate /run/harbor/gate")
        assert modes.splitlines() == [
            "750 root:_harbor /etc/harbor", "640 root:_harbor /etc/harbor/gate.yaml",
            "750 _harbor:_harbor /var/lib/harbor/gate",
            "750 _harbor:_harbor /var/log/harbor/gate",
            "750 _harbor:_harbor /run/harbor/gate"], modes


def verified(build):
    """systemd has nothing to say against any unit, and rates the node's at 1.5 or better"""
    with Host(build, lua=LIFE) as h:
        units = h.sh(f"cd {UNITS} && ls -d harbor*").split()
        assert "harbord@.service" in units and "harbord@.socket" in units, units
        names = [re.sub("@\\.", "@gate.", u) for u in units]
        h.drop_in("harbord@gate.socket", "[Socket]\nListenStream=127.0.0.1:7000\n")
        p = h.run("systemd-analyze", "verify", "--man=no", *names, ok=None)
        assert p.returncode == 0 and not p.stderr.strip(), p.stderr
        h.run("systemd-analyze", "security", "--offline=true", "--threshold=15",
              f"{UNITS}/harbord@.service")
        h.configure("gate", f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n')
        h.run("systemctl", "start", UNIT)
        p = h.run("systemd-analyze", "security", "--threshold=15", f"{UNIT}.service")
        print("# " + [line for line in p.stdout.splitlines() if "exposure" in line][-1].strip())


def another_prefix(build):
    """installed with another prefix: systemd has nothing to say against the units, nor against the
    manual pages that they name, and a node runs from there"""
    h = Host(build, lua=LIFE, install=False)
    h.binds.append(ROOT)
    with h:
        h.run("make", "-s", "-C", ROOT, f"B={os.path.relpath(build, ROOT)}", "prefix=/opt/harbord",
              "systemdsystemunitdir=/etc/systemd/system", "sysusersdir=/etc/sysusers.d",
              "tmpfilesdir=/etc/tmpfiles.d", "install")
        h.sh("systemd-sysusers harbor.conf && systemd-tmpfiles --create harbor.conf && "
             "systemctl daemon-reload && ! test -e /usr/sbin/harbord")
        names = h.sh("cd /etc/systemd/system && ls -d harbor*").split()
        h.drop_in("harbord@gate.socket", "[Socket]\nListenStream=127.0.0.1:7000\n")
        p = h.run("env", "MANPATH=/opt/harbord/share/man:", "systemd-analyze", "verify",
                  *(re.sub("@\\.", "@gate.", u) for u in names if not u.endswith(".d")), ok=None)
        assert p.returncode == 0 and not p.stderr.strip(), p.stderr
        h.configure("gate", f'lua: {{ start: main, service_path: ["{GAME}/?.lua"] }}\n')
        h.run("systemctl", "start", UNIT)
        h.want(UNIT, 5, ActiveState="active")
        pid = h.prop(UNIT, "MainPID")
        assert h.sh(f"readlink /proc/{pid}/exe").strip() == "/opt/harbord/sbin/harbord"


main([probes, verified, another_prefix])
