command=("$work/tools/loops-O2" clock "$(scaled 5000000)")
