#!/usr/bin/python3
"""Agents are born and die while their code and a shared table get a new version in each round:
memory stays flat.

usage: soak.py --build DIR [--rounds N]
"""
import argparse, os, re, shutil, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", required=True)
    ap.add_argument("--rounds", type=int, default=400)
    a = ap.parse_args()
    tmp = tempfile.mkdtemp(prefix="harbor-soak-")
    with open(tmp + "/n.yaml", "w") as f:
        f.write(f'node: {{ name: soak, threads: 2 }}\nlog: {{ level: warning }}\nadmin: {{ listen: '
                f'"unix:{tmp}/n.sock" }}\n'
                f'lua: {{ start: main, args: "{tmp} {a.rounds}", service_path: ["{HERE}/?.lua"] '
                f'}}\n')
    p = subprocess.run([a.build + "/harbord", tmp + "/n.yaml"], capture_output=True, text=True)
    shutil.rmtree(tmp)
    kib = [int(x) for x in re.findall(r"^SOAK\t\d+\t(\d+)", p.stdout, re.M)]
    quarter = len(kib) // 4
    means = [statistics.mean(kib[i * quarter:(i + 1) * quarter]) / 1024
             for i in range(4)] if quarter else []
    print(f"{len(kib)} rounds of 60 agents, RSS in MiB a quarter: "
          + ", ".join(f"{m:.1f}" for m in means))
    # what the first quarter fills (caches, the allocator) may grow no further than by an eighth
    flat = p.returncode == 0 and len(kib) == a.rounds and means[3] < means[1] * 1.125 + 2
    print(p.stdout[-500:] + p.stderr[-2000:] if not flat else "memory is flat")
    sys.exit(0 if flat else 1)


main()
