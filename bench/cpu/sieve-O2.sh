command=("$work/tools/loops-O2" sieve 2000000 "$(scaled 700)")
