command=("$work/tools/loops-O2" matmul 400 "$(scaled 100)")
