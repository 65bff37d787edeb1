command=("$work/tools/loops-O2" read "$(scaled 2000000)")
