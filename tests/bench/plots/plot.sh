#!/bin/sh
# SPDX-License-Identifier: MIT
# Draws every NAME.dat of this folder (curve.py --save) as NAME.svg: one line a block, x logarithmic. Needs gnuplot.
set -eu
cd "$(dirname "$0")"
for dat in ${*:-*.dat}; do
	name=${dat%.dat}
	scale="set logscale xy"
	case $name in births) scale="set logscale y; set xrange [-1:21]" ;; open) continue ;; esac # one load each: a table, LATENCY.md
	gnuplot <<-END
		set terminal svg size 760,460 background "white"
		set output "$name.svg"
		set title "$name"
		set key outside right autotitle columnhead
		set grid
		$scale
		stats "$name.dat" using 1:2 nooutput
		plot for [i=0:STATS_blocks-1] "$name.dat" index i using 1:2 with linespoints
	END
done
