#!/bin/bash
# What checkpoints of a large process cost (memory.py).
# usage: memory.sh RR
set -u
here=$(dirname "$(realpath "$0")")
. "$here/../features.sh"
[ "$have_gdb" = yes ] || { echo "SKIPPED gdb memory: no gdb with Python"; exit 77; }
. "$here/../cli/lib.sh"
. "$here/serving.sh"
export HOME=$tmp LC_ALL=C
free=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
export SIZE=$((free > 3000000 ? 500 : 100))
gcc -O1 -o "$tmp/big" "$here/programs/big.c" || exit 1
"$rr" record -o "$tmp/trace" "$tmp/big" $SIZE 16000000000 >/dev/null
with_server "$tmp/trace" 250 memory.py 'MB\|rror'
want grep -q '^little enough$' "$tmp/out"
wait "$SERVER"
finish
