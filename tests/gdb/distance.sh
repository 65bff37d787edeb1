#!/bin/bash
# Going back from the end of some seconds of computing costs time in proportion to the distance (distance.py).
# usage: distance.sh RR [SECONDS]
set -u
here=$(dirname "$(realpath "$0")")
. "$here/../features.sh"
[ "$have_gdb" = yes ] || { echo "SKIPPED gdb distance: no gdb with Python"; exit 77; }
. "$here/../cli/lib.sh"
. "$here/serving.sh"
seconds=${2:-5}
export HOME=$tmp LC_ALL=C

# measure KIND SIZE: of the recording $tmp/KIND-trace.
measure()
{
	export KIND=$1 SIZE=$2
	with_server "$tmp/$1-trace" 400 distance.py 'of [0-9]\|whole\|rror'
	want grep -q '; 0 failures' "$tmp/out"
	wait "$SERVER"
}

gcc -g -O1 -fno-inline -o "$tmp/work" "$here/programs/work.c" || exit 1
size=$((seconds * 1600))
"$rr" record -o "$tmp/work-trace" "$tmp/work" $size >/dev/null
measure work $size
if command -v xz >/dev/null; then
	cat /usr/lib/x86_64-linux-gnu/*.so* /usr/bin/* 2>/dev/null | head -c $((seconds * 1500000)) >"$tmp/input"
	"$rr" record -o "$tmp/xz-trace" xz -T1 -6 -k -c "$tmp/input" >/dev/null
	measure xz "$(stat -c %s "$tmp/input")"
fi
finish
