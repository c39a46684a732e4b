"""The data bases that benchmark cases talk to: each on a port that the kernel chose, in a folder of
the case, and ended with the run, also when that is killed."""
import glob, os, re, shutil, socket, subprocess, time

HERE = os.path.dirname(os.path.abspath(__file__))
GUARD = ["setpriv", "--pdeathsig", "KILL"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def start(command, ready):
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(3000):
        if ready():
            return server
        time.sleep(0.01)
    server.kill()
    raise RuntimeError(f"{command} does not start")


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", int(port))) == 0


def says_ready(path):
    try:
        with open(path) as f:
            return "ready" in f.read()
    except OSError:
        return False


def redis(folder):
    """A server that the case finds by REDIS_PORT; None: it is not installed."""
    program = shutil.which("redis-check-rdb")
    if not program:
        return None
    port = os.environ["REDIS_PORT"] = free_port()
    link = os.path.join(folder, "redis-server")
    os.symlink(program, link) # the same program by another name
    return start([*GUARD, link, "--port", port, "--bind", "127.0.0.1", "--save", "",
                  "--dir", folder], lambda: listens(port))


def pgsql_programs():
    return max(glob.glob("/usr/lib/postgresql/*/bin"), default=None,
               key=lambda p: int(p.split("/")[4]))


def pgsql(folder):
    """A server that the case finds by PGSQL_PORT; None: it is not installed. It is not to be run
    by root, who runs it as nobody."""
    programs = pgsql_programs()
    if not programs:
        return None
    port = os.environ["PGSQL_PORT"] = free_port()
    data, guard = os.path.join(folder, "data"), list(GUARD)
    os.mkdir(data, 0o700)
    if os.getuid() == 0:
        guard += ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
        os.chmod(folder, 0o711)
        shutil.chown(data, "nobody", "nogroup")
    subprocess.run([*guard, f"{programs}/initdb", "-D", data, "-U", "postgres", "-A", "trust",
                    "--locale=C", "--no-sync"], check=True, stdout=subprocess.DEVNULL)
    options = ["fsync=off", "autovacuum=off", f"unix_socket_directories={data}"]
    return start([*guard, f"{programs}/postgres", "-D", data, "-p", port, "-h", "127.0.0.1",
                  *(word for o in options for word in ("-c", o))],
                 lambda: says_ready(data + "/postmaster.pid"))


def pgsql_yardstick(folder):
    """What libpq reaches with that server (pgbench), and a program that does nothing else."""
    port, program = os.environ["PGSQL_PORT"], os.path.join(folder, "limit_pgsql")
    script = os.path.join(folder, "one.sql")
    with open(script, "w") as f:
        f.write("select 1 as x;\n")
    out = subprocess.run([f"{pgsql_programs()}/pgbench", "-n", "-M", "prepared", "-T", "2", "-f",
                          script, "-h", "127.0.0.1", "-p", port, "-U", "postgres", "postgres"],
                         capture_output=True, text=True).stdout
    found = {"pgbench.sequential": re.search(r"tps = ([0-9.]+)", out)[1]}
    subprocess.run(["cc", "-O2", f"{HERE}/yardstick/limit_pgsql.c", "-o", program], check=True)
    out = subprocess.run([program, port], capture_output=True, text=True).stdout
    found.update(re.findall(r"(limit\S+) ([0-9.]+)", out))
    return {name: (float(value), "queries/s") for name, value in found.items()}
