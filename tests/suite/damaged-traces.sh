#!/bin/bash
# Truncated, bit-flipped, foreign and missing traces: a one-line error and a non-zero status; or, where
# the damage is after what a replay needs, the recorded output. Never a crash, never a hang.
# usage: damaged-traces.sh RR [TIMES]
rr=$(realpath "$1")
times=${2:-40}
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-damaged.XXXXXX")
trap 'rm -rf "$work"' EXIT
export _RR_TRACE_DIR=$work/traces HOME=$work
cd "$work" || exit 2
bad=0
ulimit -c 0

# One line of error; a warning that the trace is incomplete may precede it, and a divergence has a report.
one_line() {
	[[ $(grep -vc '^rr: warning: ' err) = 1 && $(wc -l <err) -le 2 && $(tail -n 1 err) = "rr: "* ]] ||
		grep -q diverge err
}

# replay WHAT DIR: fails well, or gives the whole output.
replay() {
	local status
	timeout 60 "$rr" replay -a "$2" >out 2>err </dev/null
	status=$?
	if [[ $status = 0 ]]; then
		cmp -s out good && return
		echo "FAIL: $1: status 0, but another output"
		bad=1
	elif [[ $status != 7[01] ]] || ! one_line; then
		echo "FAIL: $1: status $status, $(wc -l <err) lines:"
		head -n 5 err
		bad=1
	fi
	head -c "$(stat -c %s out)" good | cmp -s - out || {
		echo "FAIL: $1: wrong output"
		bad=1
	}
}

fresh() {
	rm -rf victim
	cp -r trace victim
}

"$rr" record -o trace bash -c 'for i in 1 2 3; do echo $i $$ $RANDOM; /bin/echo $i; done' >good 2>err || {
	echo "FAIL: cannot record: $(cat err)"
	exit 1
}
replay 'not damaged' trace
RANDOM=$((${SEED:-1}))
files=(trace/*)
for ((n = 0; n < times; n++)); do
	fresh
	f=victim/$(basename "${files[n % ${#files[@]}]}")
	[[ -f $f && -s $f ]] || continue
	size=$(stat -c %s "$f")
	at=$(((RANDOM * 32768 + RANDOM) % size))
	if ((n / ${#files[@]} % 2)); then
		truncate -s $at "$f"
		replay "$f cut at $at of $size" victim
	else
		perl -e 'open my $f, "+<", $ARGV[0] or die; seek $f, $ARGV[1], 0; read $f, my $c, 1;
			seek $f, $ARGV[1], 0; print $f chr(ord($c) ^ 1 << $ARGV[1] % 8)' "$f" $at
		replay "$f with a bit flipped at $at of $size" victim
	fi
done
for f in trace/*; do
	fresh
	rm -rf "victim/$(basename "$f")"
	[[ $f = */incomplete ]] || replay "without $(basename "$f")" victim
done

refuse() {
	local what=$1 status
	shift
	timeout 60 "$@" >out 2>err </dev/null
	status=$?
	if [[ $status = 0 || $status -ge 124 || $(wc -l <err) != 1 || $(cat err) != "rr: "* || -s out ]]; then
		echo "FAIL: $what: status $status, $(wc -l <err) lines:"
		head -n 5 err
		bad=1
	fi
}

mkdir foreign empty
echo 'another program wrote this' >foreign/version
echo data >foreign/events
for command in 'replay -a' dump traceinfo ps; do
	# shellcheck disable=SC2086
	{
		refuse "$command of a missing directory" "$rr" $command no-such-trace
		refuse "$command of an empty directory" "$rr" $command "$work/empty"
		refuse "$command of a foreign directory" "$rr" $command "$work/foreign"
		refuse "$command of a file" "$rr" $command "$work/good"
	}
done
[[ $bad = 0 ]] && echo "every damage was met well"
exit $bad
