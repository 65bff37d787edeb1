command=("$work/tools/loops-O2" fib 37 "$(scaled 80)")
