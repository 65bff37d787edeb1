command=("$work/tools/loops-O2" getpid "$(scaled 2000000)")
