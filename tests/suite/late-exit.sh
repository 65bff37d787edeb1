#!/bin/bash
# Threads die while somebody else has the core, so that the kernel gets to what it writes at their end only long
# after they were written off: their siblings must not run before that.
# usage: late-exit.sh RR LATE_EXIT
set -u

rr=$1 program=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-late.XXXXXX")
cpu=$(taskset -cp $$ | sed 's/.*: *//; s/[-,].*//')
taskset -c "$cpu" timeout 300 bash -c 'while :; do :; done' &
trap 'kill %1; rm -rf "$work"' EXIT
export _RR_TRACE_DIR=$work/traces HOME=$work

for ((i = 1; i <= 3; i++)); do
	timeout 90 "$rr" record --bind-to-cpu="$cpu" -c 300 "$program" 100 >"$work/recorded" 2>"$work/err"
	status=$?
	[[ $status = 0 && -s $work/recorded ]] || {
		echo "FAIL: recording $i: status $status: $(tail -n 1 "$work/err")"
		exit 1
	}
	timeout 90 "$rr" replay -a >"$work/replayed" 2>"$work/err"
	status=$?
	[[ $status = 0 ]] && cmp -s "$work/recorded" "$work/replayed" || {
		echo "FAIL: replay $i: status $status: $(grep -m 1 diverged "$work/err"); $(<"$work/recorded") became $(<"$work/replayed")"
		exit 1
	}
done
echo "3 recordings, replayed equal"
