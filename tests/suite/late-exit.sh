#!/bin/bash
# Threads die while somebody else has the core, so that the kernel gets to what it writes at their end only long
# after they were written off: their siblings must not run before that.
# usage: late-exit.sh RR LATE_EXIT
set -u

. "$(dirname "$(realpath "$0")")/record-replay.sh"
rr=$1 program=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-late.XXXXXX")
cpu=$(taskset -cp $$ | sed 's/.*: *//; s/[-,].*//')
taskset -c "$cpu" timeout 300 bash -c 'while :; do :; done' &
trap 'kill %1; rm -rf "$work"' EXIT
export _RR_TRACE_DIR=$work/traces HOME=$work

for ((i = 1; i <= 3; i++)); do
	record_once $i 90 --bind-to-cpu="$cpu" -c 300 "$program" 100
	replay_once $i 90
done
echo "3 recordings, replayed equal"
