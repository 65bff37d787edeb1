# A loop of an interpreter.
needs=python3
command=("$(python3 -c 'import sys; print(sys.executable)')" -c "
d = {}
for i in range($(scaled 2000000)):
    d[i % 1000] = d.get(i % 997, 0) + i * 3 % 7
print(sum(d.values()))
")
