# SPDX-License-Identifier: GPL-2.0
# For scripts/bench: data is its bench-scale.dat, the output is set.
set terminal svg size 800,500 background "white"
set title "Mapping a BAR, a touch of each 2 MiB, unmapping"
set xlabel "size of the mapping (MiB)"
set ylabel "guest instructions for each 4 KiB page"
set logscale xy
set grid
set key top right
plot for [i=2:4] data using 1:i with linespoints title columnheader(i)
