command=("$work/tools/loops-O0" matmul "$(scaled 450)")
