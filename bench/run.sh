#!/bin/bash
# The table of costs: each workload natively on one core, recorded, and replayed, alternating in one run;
# medians of the rounds and of their ratios to native, and the size of the trace.
# usage: run.sh RR [-c] [-n ROUNDS] [-s SCALE] [WORKLOAD...]
#   SCALE  percent of the usual amount of work (default 100)
#   -c     the workloads that only compute (cpu/NAME.sh, some seconds each), with ratios of CPU time, which
#          other load on the machine disturbs less, and the time of recording /bin/true
#
# A workload (workloads/NAME.sh) is a few lines of bash:
#   needs='a b'   programs that it needs     prepare()   makes its input in the current directory
#   command=()    what is measured           reset()     before each run (optional)
#   timed()       the part that is timed while `command` runs as a server (optional)
set -u

here=$(dirname "$(realpath "$0")")
rr=$(realpath "$1") rounds=3 scale=100 set=workloads
shift
while getopts cn:s: opt; do
	case $opt in
	c) set=cpu ;;
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

# scaled N: so much work as -s says, but some.
scaled() {
	echo $(($1 * scale < 100 ? 1 : $1 * scale / 100))
}

now() {
	echo "${EPOCHREALTIME/[.,]/}"
}

# run OUT COMMAND...: prints microseconds of real and of CPU time; fails if the command does.
run() {
	local out=$1 start TIMEFORMAT='%U %S'
	shift
	if declare -F timed >/dev/null && [[ $out != replay ]]; then
		"$@" >"$work/$out.out" 2>"$work/$out.err" </dev/null &
		local pid=$!
		timed || return
		wait $pid
		return
	fi
	start=$(now)
	{ time timeout --foreground "$limit" "$@" >"$work/$out.out" 2>"$work/$out.err" </dev/null; } \
		2>"$work/$out.cpu" || return
	echo $(($(now) - start)) "$(awk '{ print ($1 + $2) * 1e6 }' "$work/$out.cpu")"
}

# The median of a column.
median() {
	awk -v c="$1" '{ print $c }' "$2" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# ratio COLUMN KIND: the median of the ratios to the native run of the same round.
ratio() {
	paste "$work/native.us" "$work/$2.us" | awk -v c="$1" '{ print $(c + NF / 2) / ($c ? $c : 1) }' >"$work/ratios"
	median 1 "$work/ratios"
}

measure() {
	local name=$1 kind us
	needs='' command=()
	unset -f timed
	prepare() { :; }
	reset() { :; }
	# shellcheck disable=SC1090
	. "$here/$set/$name.sh"
	for p in $needs; do
		command -v "$p" >/dev/null || {
			printf '%-16s SKIPPED: no %s here\n' "$name" "$p"
			return
		}
	done
	mkdir -p "$work/in" && cd "$work/in" && prepare >/dev/null 2>&1 || return
	for kind in native record replay; do : >"$work/$kind.us"; done
	for ((i = 0; i < rounds; i++)); do
		# But for the store of copied files, which recordings share.
		rm -rf "$work"/traces/*
		for kind in native record replay; do
			[[ $kind = replay ]] || reset
			case $kind in
			native) us=$(run native taskset -c "$core" "${command[@]}") ;;
			record) us=$(run record "$rr" record --bind-to-cpu="$core" "${command[@]}") ;;
			replay) us=$(run replay "$rr" replay -a) ;;
			esac || {
				printf '%-16s FAILED: %s: %s\n' "$name" $kind "$(head -n 1 "$work/$kind.err" | cut -c 1-100)"
				return
			}
			echo "$us" >>"$work/$kind.us"
		done
	done
	{
		printf '%-16s %9.3f %9.3f %9.3f' "$name" "$(median 1 "$work/native.us")e-6" \
			"$(median 1 "$work/record.us")e-6" "$(median 1 "$work/replay.us")e-6"
		printf ' %8.2f %8.2f' "$(ratio 1 record)" "$(ratio 1 replay)"
		[[ $set != cpu ]] || printf ' %8.2f %8.2f' "$(ratio 2 record)" "$(ratio 2 replay)"
		printf ' %9.1f\n' "$(du -sk "$(readlink -f "$work/traces/latest-trace")" | awk '{ print $1 / 1024 }')"
	} | tee -a "$work/table"
	cd /
	rm -rf "$work/in" "$work"/traces/*
}

# Recording the smallest program: milliseconds, without the first time.
measure_true() {
	local kind
	for kind in native record; do : >"$work/$kind.us"; done
	for ((i = 0; i < 21; i++)); do
		run native taskset -c "$core" /bin/true >"$work/us" && [[ $i = 0 ]] || cat "$work/us" >>"$work/native.us"
		run record "$rr" record --bind-to-cpu="$core" /bin/true >"$work/us" && [[ $i = 0 ]] ||
			cat "$work/us" >>"$work/record.us"
	done
	printf '/bin/true: native %.1f ms, rr record %.1f ms (medians of 20)\n' "$(median 1 "$work/native.us")e-3" \
		"$(median 1 "$work/record.us")e-3"
	rm -rf "$work/traces"
}

printf '%-16s %9s %9s %9s %8s %8s' workload 'native s' 'record s' 'replay s' record/n replay/n
[[ $set != cpu ]] || printf ' %8s %8s' 'cpu r/n' 'cpu p/n'
printf ' %9s\n' 'trace MB'
all=$#
[[ $# -gt 0 ]] || set -- $(cd "$here/$set" && ls -- *.sh | sed 's/\.sh$//')
for w; do
	measure "$w"
done
[[ ! -s $work/table ]] || awk '{
	for (c = 5; c < NF; c++) {
		sum[c] += log($c)
		if ($c > worst[c])
			worst[c] = $c
	}
	columns = NF
}
END {
	printf "%-16s %9s %9s %9s", "geometric mean", "", "", ""
	for (c = 5; c < columns; c++)
		printf " %8.2f", exp(sum[c] / NR)
	printf "\n%-16s %9s %9s %9s", "worst", "", "", ""
	for (c = 5; c < columns; c++)
		printf " %8.2f", worst[c]
	print ""
}' "$work/table"
[[ $set != cpu || $all -gt 0 ]] || measure_true
