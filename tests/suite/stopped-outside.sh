#!/bin/bash
# Somebody outside stops and continues a program while its threads compute, here and there at once:
# wherever that meets them, replay does the same.
# usage: stopped-outside.sh RR STOPPED_OUTSIDE
set -u

. "$(dirname "$(realpath "$0")")/record-replay.sh"
rr=$1 program=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-stopped.XXXXXX")
trap 'rm -rf "$work"' EXIT
export _RR_TRACE_DIR=$work/traces HOME=$work

# Stops the process whose number is in the file, once that is there, and lets it go on, until it is gone.
bother() {
	local pid
	for ((k = 0; k < 500; k++)); do
		[[ -s $1 ]] && break
		sleep 0.02
	done
	pid=$(<"$1")
	while kill -STOP "$pid" 2>/dev/null; do
		((RANDOM % 3)) || sleep 0.00$((RANDOM % 10))
		kill -CONT "$pid" 2>/dev/null
		((RANDOM % 3)) || sleep 0.0$((RANDOM % 20))
	done
}

for ((i = 1; i <= 4; i++)); do
	rm -f "$work/pid"
	bother "$work/pid" &
	record_once $i 120 "$program" "$work/pid"
	wait
	replay_once $i 120
done
echo "4 recordings, replayed equal"
