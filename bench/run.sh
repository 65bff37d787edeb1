#!/bin/bash
# The table of costs: each workload natively on one core, recorded, and replayed, alternating in one run;
# medians of the rounds, ratios to native, and the size of the trace.
# usage: run.sh RR [-n ROUNDS] [-s SCALE] [WORKLOAD...]
#   SCALE  percent of the usual amount of work (default 100)
#
# A workload (workloads/NAME.sh) is a few lines of bash:
#   needs='a b'   programs that it needs     prepare()   makes its input in the current directory
#   command=()    what is measured           reset()     before each run (optional)
#   timed()       the part that is timed while `command` runs as a server (optional)
set -u

here=$(dirname "$(realpath "$0")")
rr=$(realpath "$1") rounds=3 scale=100
shift
while getopts n:s: opt; do
	case $opt in
	n) rounds=$OPTARG ;;
	s) scale=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
limit=${LIMIT:-600}
core=$(taskset -pc $$ | sed -E 's/.*: ([0-9]+).*/\1/')

work=$(mktemp -d "${TMPDIR:-/tmp}/rr-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export HOME=$work TMPDIR=$work _RR_TRACE_DIR=$work/traces LC_ALL=C.UTF-8
mkdir "$work/tools"
gcc -O0 -w -o "$work/tools/loops-O0" "$here/loops.c" || exit 1
gcc -O2 -w -o "$work/tools/loops-O2" "$here/loops.c" || exit 1

# scaled N: so much work as -s says.
scaled() {
	echo $(($1 * scale / 100))
}

now() {
	echo "${EPOCHREALTIME/[.,]/}"
}

# run OUT COMMAND...: prints microseconds; fails if the command does.
run() {
	local out=$1 start
	shift
	if declare -F timed >/dev/null && [[ $out != replay ]]; then
		"$@" >"$work/$out.out" 2>"$work/$out.err" </dev/null &
		local pid=$!
		timed || return
		wait $pid
		return
	fi
	start=$(now)
	timeout --foreground "$limit" "$@" >"$work/$out.out" 2>"$work/$out.err" </dev/null || return
	echo $(($(now) - start))
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

measure() {
	local name=$1 kind us
	needs='' command=()
	unset -f timed
	prepare() { :; }
	reset() { :; }
	# shellcheck disable=SC1090
	. "$here/workloads/$name.sh"
	for p in $needs; do
		command -v "$p" >/dev/null || {
			printf '%-16s SKIPPED: no %s here\n' "$name" "$p"
			return
		}
	done
	mkdir -p "$work/in" && cd "$work/in" && prepare >/dev/null 2>&1 || return
	for kind in native record replay; do : >"$work/$kind.us"; done
	for ((i = 0; i < rounds; i++)); do
		rm -rf "$work/traces"
		for kind in native record replay; do
			[[ $kind = replay ]] || reset
			case $kind in
			native) us=$(run native taskset -c "$core" "${command[@]}") ;;
			record) us=$(run record "$rr" record "${command[@]}") ;;
			replay) us=$(run replay "$rr" replay -a) ;;
			esac || {
				printf '%-16s FAILED: %s: %s\n' "$name" $kind "$(head -n 1 "$work/$kind.err" | cut -c 1-100)"
				return
			}
			echo "$us" >>"$work/$kind.us"
		done
	done
	awk -v name="$name" -v native="$(median <"$work/native.us")" -v record="$(median <"$work/record.us")" \
		-v replay="$(median <"$work/replay.us")" \
		-v size="$(du -sk "$(readlink -f "$work/traces/latest-trace")" | cut -f 1)" 'BEGIN {
		printf "%-16s %9.3f %9.3f %9.3f %8.2f %8.2f %9.1f\n", name, native / 1e6, record / 1e6,
			replay / 1e6, record / native, replay / native, size / 1024
	}' | tee -a "$work/table"
	cd /
	rm -rf "$work/in" "$work/traces"
}

printf '%-16s %9s %9s %9s %8s %8s %9s\n' workload 'native s' 'record s' 'replay s' record/n replay/n 'trace MB'
[[ $# -gt 0 ]] || set -- $(cd "$here/workloads" && ls -- *.sh | sed 's/\.sh$//')
for w; do
	measure "$w"
done
[[ ! -s $work/table ]] || awk '{ r += log($5); p += log($6); n++ } END {
	printf "%-16s %9s %9s %9s %8.2f %8.2f\n", "geometric mean", "", "", "", exp(r / n), exp(p / n) }' "$work/table"
