#!/bin/sh
# usage: check-layers.sh [BUILD]
# Which rooms may know which, and that no files form a circle; that the check itself finds what is
# wrong. With the folder of a build, calls count as well as includes.
exec /usr/bin/python3 "$(dirname "$0")/layers.py" --self-test ${1:+--build "$1"}
