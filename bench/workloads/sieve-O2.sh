command=("$work/tools/loops-O2" sieve "$(scaled 40000000)")
