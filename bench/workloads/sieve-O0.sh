command=("$work/tools/loops-O0" sieve "$(scaled 20000000)")
