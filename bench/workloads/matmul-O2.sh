command=("$work/tools/loops-O2" matmul "$(scaled 800)")
