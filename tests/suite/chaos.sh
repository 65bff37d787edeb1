#!/bin/bash
# A race that hardly ever shows: recordings with -h find it, and the recording that did shows it again.
# usage: chaos.sh RR ORDER_BUG
set -u

rr=$1 program=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-chaos.XXXXXX")
trap 'rm -rf "$work"' EXIT
export _RR_TRACE_DIR=$work/traces HOME=$work

for ((i = 1; i <= 300; i++)); do
	out=$(timeout 60 "$rr" record -h "$program")
	status=$?
	case $status in
	0) rm -rf "$work/traces" ;;
	1)
		for ((k = 0; k < 5; k++)); do
			[[ $(timeout 60 "$rr" replay -a 2>&1) == "$out" ]] || {
				echo "FAIL: the replay differs"
				exit 1
			}
		done
		echo "found by recording $i"
		exit 0
		;;
	*)
		echo "FAIL: recording $i: status $status"
		exit 1
		;;
	esac
done
echo "FAIL: not found by 300 recordings"
exit 1
