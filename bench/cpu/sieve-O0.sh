command=("$work/tools/loops-O0" sieve 2000000 "$(scaled 300)")
