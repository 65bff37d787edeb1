command=("$work/tools/loops-O2" read "$(scaled 100000)")
