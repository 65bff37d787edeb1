#!/bin/bash
# How often recorded programs stop for the recorder: few times, however many calls they make. Each is
# replayed, and its output compared.
# usage: stops.sh RR LOOPS      LOOPS: bench/loops.c
set -u
rr=$(realpath "$1") loops=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-stops.XXXXXX")
trap 'rm -rf "$work"' EXIT
export _RR_TRACE_DIR=$work/traces HOME=$work LC_ALL=C.UTF-8
cd "$work" || exit 2
bad=0

fail() {
	echo "FAIL: $*"
	tail -n 3 err replay.err 2>/dev/null
	bad=1
}

# at_most N FIELD COMMAND...: record it, replay it, and look at what `rr dump -s` says of FIELD.
at_most() {
	local limit=$1 field=$2 line stops calls
	shift 2
	rm -rf traces out err replay.out replay.err
	timeout 60 "$rr" record "$@" >out 2>err </dev/null || fail "$*: recording ended with status $?"
	timeout 60 "$rr" replay -a >replay.out 2>replay.err </dev/null || fail "$*: replay: status $?"
	cmp out replay.out || fail "$*: what was replayed is not what was recorded"
	line=$("$rr" dump -s | grep '^stops: ')
	stops=$(sed -nE "s/(.*, )?$field: ([0-9]+).*/\2/p" <<<"$line")
	calls=$(sed -nE 's/.*calls without one: ([0-9]+).*/\1/p' <<<"$line")
	[[ $stops && $calls && $stops -gt 0 ]] || fail "$*: unknown statistics: $line"
	if [[ $stops -lt $limit ]]; then
		echo "ok: $stops $field, $calls calls without one: ${*##*/}"
	else
		fail "$*: $stops $field, not below $limit ($calls calls without one)"
	fi
}

skipped() {
	echo "SKIPPED: $*"
}

at_most 60 stops /bin/true
at_most 150 'stops since exec' ls -laR /usr/share/doc
mkdir tree && for ((i = 0; i < 200; i++)); do echo "file $i" >"tree/$i"; done
at_most 100 'stops since exec' cp -r tree copy

# Nothing stops but the buffer of 2 MiB, when it is full. A record takes 24 bytes, and what the call
# wrote takes 16 and its own size more: 12 buffers, 50 and 27. 40 are for starting.
at_most 52 'stops since exec' "$loops" getpid 1000000
at_most 90 'stops since exec' "$loops" read 1000000
at_most 67 'stops since exec' "$loops" clock 1000000

# Found in other ways: no loader and no vDSO of libc's, another libc, another language's own calls.
# 100,000 of the largest of these records fill 5 buffers; the rest are
# for starting. Go's threads wait for each other, too.
if cc -O1 -static -o loops.static "$here/../../bench/loops.c" 2>/dev/null; then
	at_most 100 stops ./loops.static read 100000
else
	skipped "no static libc"
fi
if command -v musl-gcc >/dev/null; then
	musl-gcc -O1 -o loops.musl "$here/../../bench/loops.c" &&
		at_most 100 stops ./loops.musl clock 100000 &&
		at_most 100 stops ./loops.musl read 100000
	musl-gcc -O1 -static -o loops.musl-static "$here/../../bench/loops.c" &&
		at_most 100 stops ./loops.musl-static read 100000
else
	skipped "no musl-gcc"
fi
if command -v go >/dev/null; then
	cat >p.go <<-'end'
		package main

		import (
			"fmt"
			"os"
			"time"
		)

		func main() {
			file, err := os.Open("/dev/zero")
			buf, sum, last := make([]byte, 64), 0, time.Time{}
			for i := 0; i < 100000 && err == nil; i++ {
				n, _ := file.Read(buf)
				sum += n
				last = time.Now()
			}
			fmt.Println(sum, last, os.Getpid())
		}
	end
	GOCACHE=$work/cache GO111MODULE=off go build -o p p.go && at_most 1000 stops ./p
else
	skipped "no go"
fi

# Each child is a program of its own, which stops for its birth, its exec, its mappings of code, its
# exit and for being waited for: about 30 times. Its 90 other calls do not.
cat >spawn.c <<'end'
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	char *args[] = {"true", NULL};
	int status, good = 0;

	for (int i = 0; i < 100; i++) {
		pid_t pid = 0;

		if (i % 2) {
			if (posix_spawn(&pid, "/bin/true", NULL, NULL, args, NULL))
				return 1;
		} else if (!(pid = vfork())) {
			execv("/bin/true", args);
			_exit(1);
		}
		good += waitpid(pid, &status, 0) == pid && status == 0;
	}
	printf("%d\n", good);
	return good != 100;
}
end
cc -O1 -o spawn spawn.c && at_most 4000 stops ./spawn
exit $bad
