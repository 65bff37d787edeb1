#!/bin/bash
# What checkpoints of a large process cost (memory.py).
# usage: memory.sh RR
set -u
here=$(dirname "$(realpath "$0")")
. "$here/../features.sh"
[ "$have_gdb" = yes ] || { echo "SKIPPED gdb memory: no gdb with Python"; exit 77; }
. "$here/../cli/lib.sh"
export HOME=$tmp LC_ALL=C
free=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
export SIZE=$((free > 3000000 ? 500 : 100))
gcc -O1 -o "$tmp/big" "$here/programs/big.c" || exit 1
"$rr" record -o "$tmp/trace" "$tmp/big" $SIZE 16000000000 >/dev/null
"$rr" replay -q -s 0 "$tmp/trace" >/dev/null 2>"$tmp/serving" &
export SERVER=$!
for _ in $(seq 600); do
	line=$(sed -n 's/.*connect with: //p' "$tmp/serving")
	[ -z "$line" ] || break
	sleep 0.1
done
run bash -c "timeout 250 $line -nx -batch -iex 'set debuginfod enabled off' -x '$here/memory.py' 2>&1"
grep -a "MB\|rror" "$tmp/out"
want grep -q '^little enough$' "$tmp/out"
wait "$SERVER"
finish
