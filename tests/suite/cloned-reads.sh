#!/bin/bash
# Large reads, on file systems where files can share blocks: what was read is in a clone of the file,
# not in the trace's data, and replay gives the same bytes; also if somebody writes to the file outside of
# the recording, or the trace is moved, cut short or damaged.
# usage: cloned-reads.sh RR CLONED_READS
set -u
rr=$(realpath "$1") program=$(realpath "$2")
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-cloned.XXXXXX")
outside=

trap 'umount "$work"/btrfs "$work"/xfs 2>/dev/null; rm -rf "$work"' EXIT
export HOME=$work
cd "$work" || exit 2

# Those who work outside of the recording.
stop_outside() {
	# shellcheck disable=SC2086
	[[ -z $outside ]] || kill "$@" $outside 2>/dev/null
	wait 2>/dev/null
	outside=
}

fail() {
	echo "FAIL: ${PWD##*/}: $*"
	tail -n 3 err
	exit 1
}

# check WHAT RECORD-ARGUMENTS...: recorded and replayed equal.
check() {
	local what=$1 status
	shift
	rm -rf trace
	timeout 120 "$rr" record -o trace "$@" >out 2>err </dev/null
	status=$?
	[[ $status = 0 ]] || fail "$what: recording ended with status $status"
	replay "$what" trace
}

replay() {
	timeout 120 "$rr" replay -a "$2" >replayed 2>err </dev/null || fail "$1: replay ended with status $?"
	cmp -s out replayed || fail "$1: what was replayed is not what was recorded"
}

# How many reads of the trace are of a clone.
n_cloned() {
	"$rr" dump -b trace | grep "syscall:'p\?readv\?[264]*'" | grep -c ' of file '
}

data_size() {
	stat -c %s trace/data
}

one_file_system() {
	local size cloned copied

	trap stop_outside EXIT
	head -c 8M /dev/urandom >file
	head -c 8M /dev/urandom >stored
	head -c 64M /dev/zero | tr '\0' 'x' >big
	sync
	"$program" stores stored &
	outside=$!
	"$program" race-outside file &
	outside="$outside $!"
	until [[ -e file.made.0 ]]; do
		sleep 0.1
	done
	sleep 3.1

	check 'forms of reads' -C on-all-events "$program" forms file
	cloned=$(n_cloned)
	((cloned > 100)) || fail "only $cloned reads are of a clone"

	check 'writes in the middle of reads' "$program" race file
	cloned=$(n_cloned)
	((cloned >= 40)) || fail "of files that change once, only $cloned reads are of a clone"

	check 'without clones' --no-read-cloning cat file
	size=$(data_size)
	cloned=$(n_cloned)
	((cloned == 0 && size > 8000000)) || fail "--no-read-cloning: $cloned reads are of a clone"
	check cat cat file
	copied=$(data_size)
	((copied < size / 8)) || fail "cat of 8 MB needs $copied bytes of data"

	check 'own changes' -C on-all-events "$program" changes file
	cloned=$(n_cloned)
	((cloned > 100)) || fail "of a file that changes, only $cloned reads are of a clone"

	# Somebody outside writes, in bursts, and stores through memory without a pause.
	"$program" writes file &
	outside="$outside $!"
	check 'writes outside' "$program" watch file 12000
	cloned=$(n_cloned)
	((cloned > 10)) || fail "of a file that is written outside, $cloned reads are of a clone"
	check 'stores outside' "$program" watch stored 3000
	stop_outside

	# More files than descriptors; by one process, which is given some of them, and by many.
	head -c 150000 /dev/urandom >part
	mkdir many
	for ((i = 0; i < 300; i++)); do
		cp part many/$i
	done
	sleep 3.1
	ulimit -Sn 128
	# shellcheck disable=SC2016
	check 'many files' bash -c 'cat many/?? many/1??; for i in many/2??; do cat $i; done'
	ulimit -Sn 1024
	cloned=$(n_cloned)
	((cloned > 300)) || fail "of many files, $cloned reads are of a clone"

	# The original is gone; the trace is moved to where its blocks are not; its clone is damaged.
	cp file other
	sleep 3.1
	check 'cat of another' cat other
	rm other
	"$rr" pack trace 2>err || fail "pack: status $?"
	rm -rf "$work/moved"
	cp -r --reflink=never trace "$work/moved"
	replay 'a moved trace' "$work/moved"
	truncate -s 4M "$work/moved/files/$(ls "$work/moved/files" | sort -n | tail -n 1)"
	"$rr" pack "$work/moved" 2>/dev/null && fail 'pack does not see that a file is short'
	timeout 60 "$rr" replay -a "$work/moved" >replayed 2>err && fail 'replay with a short file'
	grep -q 'has no' err || fail 'a short file is not named'

	# The recorder is killed: what there is can be replayed.
	rm -rf trace
	"$rr" record -o trace bash -c 'for i in 1 2 3 4 5 6 7 8; do cat big; sleep 0.1; done' >out 2>err &
	outside=$!
	sleep 1
	stop_outside -KILL
	timeout 60 "$rr" replay -a trace >replayed 2>err </dev/null
	[[ $? = 71 ]] || fail "replay of a recording that was killed: $(tail -n 1 err)"
	cmp -n "$(stat -c %s replayed)" out replayed || fail 'a recording that was killed: another output'
	[[ -s replayed ]] || fail 'nothing is left of a recording that was killed'
	echo "${PWD##*/}: done"
}

running=()
for fs in btrfs xfs; do
	truncate -s 600M $fs.img && mkdir $fs
	if ! command -v mkfs.$fs >/dev/null || ! mkfs.$fs -q $fs.img >/dev/null 2>&1 ||
		! mount -o loop $fs.img $fs 2>/dev/null; then
		echo "SKIPPED: $fs cannot be made or mounted here"
		continue
	fi
	(cd $fs && one_file_system) &
	running+=($!)
done
((${#running[@]})) || exit 77
for pid in "${running[@]}"; do
	wait "$pid" || status=1
done
exit ${status:-0}
