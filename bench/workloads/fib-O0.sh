command=("$work/tools/loops-O0" fib "$((scale < 100 ? 32 : 37))")
