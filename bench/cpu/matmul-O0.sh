command=("$work/tools/loops-O0" matmul 400 "$(scaled 10)")
