command=("$work/tools/loops-O2" fib "$((scale < 100 ? 32 : 37))")
