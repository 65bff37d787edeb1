command=("$work/tools/loops-O0" fib 37 "$(scaled 20)")
