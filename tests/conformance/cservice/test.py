#!/usr/bin/python3
"""A C service that counts words, built as a program builds it."""
import os, subprocess
from harness import main
from stock import Stock, folder, sanitizer

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = os.path.join(HERE, "../../../lua/contract/include")


def words_are_counted(build):
    """launch, text messages, answers, a report by name, kill"""
    with Stock(build, {**folder(HERE), "cservice/keep": ""}) as n:
        subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-g", *sanitizer(build),
                        f"-I{INCLUDE}", "-fPIC", "-shared", "-o",
                        n.tmp + "/cservice/counter.so", HERE + "/counter.c"], check=True)
        p = n.run()
        assert p.returncode == 0, p
        for text in ("LAUNCH counter .main\n", "counter for .main\n", "count 6\n", "count 10\n",
                     "reported: ten words\n", "called false"):
            assert text in p.stdout, (text, p.stdout)


main([words_are_counted])
