#!/bin/bash
# The disk becomes full while recording: a clear error, and the trace so far can be read.
# usage: full-disk.sh RR
rr=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-full.XXXXXX")
trap 'umount "$work/small" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$work/small"
mount -t tmpfs -o size=16m none "$work/small" 2>/dev/null || {
	echo "SKIPPED: cannot mount a small tmpfs"
	exit 77
}
export _RR_TRACE_DIR=$work/small HOME=$work RR_COPY_ALL_FILES=
cd "$work" || exit 2

fail() {
	echo "FAIL: $*"
	exit 1
}

# Random bytes cannot be compressed away.
timeout 60 "$rr" record bash -c 'while head -c 100000 /dev/urandom >/dev/null; do echo line; done' \
	>out 2>err </dev/null
status=$?
echo "status $status, $(wc -l <out) lines: $(cat err)"
[[ $status != 0 && $status != 124 ]] || fail "recording went on"
grep -qi 'no space' err || fail "the error is not named"
[[ $(wc -l <err) -le 3 ]] || fail "too many lines"
trace=$(ls -d "$work"/small/*-0 | head -n 1)
[[ $trace ]] || fail "no trace"
timeout 60 "$rr" dump "$trace" >dump.out 2>dump.err
echo "dump: status $?, $(wc -l <dump.out) lines: $(tail -n 1 dump.err)"
timeout 60 "$rr" replay -a "$trace" >replay.out 2>replay.err </dev/null
status=$?
echo "replay: status $status, $(wc -l <replay.out) lines: $(tail -n 1 replay.err)"
[[ $status = 71 ]] || fail "replay ended with status $status"
head -c "$(stat -c %s replay.out)" out | cmp - replay.out || fail "what was replayed is not what was recorded"
