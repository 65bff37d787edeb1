#!/bin/sh
# The layers of src/: every `#include "dir/..."` points to a lower layer, only src/task calls ptrace
# or waits for tracees, and the pure libraries link without either.
# usage: layers.sh SOURCE-ROOT [BUILD-ROOT]
cd "$1" || exit 2
build=${2:-}

# layer height of each folder; a folder may always include itself, and lower ones.
heights='
base 1
abi 2
trace 2
mem 3
task 4
sched 5
ticks 5
image 5
agentctl 5
record 6
replay 6
timeline 7
query 8
gdb 8
cli 9
agent 4
'
bad=0

offenders=$(printf '%s' "$heights" | awk '
	FNR == NR { height[$1] = $2; next }
	{
		split(FILENAME, path, "/")
		from = path[2]
		if (!(from in height) && !(from in told)) {
			told[from] = 1
			print "src/" from ": a folder without a layer"
		}
	}
	match($0, /^[ \t]*#[ \t]*include[ \t]+"[^"]*\//) {
		to = $0
		sub(/^[^"]*"/, "", to)
		sub(/\/.*/, "", to)
		if (to in height && to != from && height[to] >= height[from])
			print FILENAME ":" FNR ": " from " includes " to
	}
' - $(find src -name '*.[ch]' -o -name '*.def' | sort))
[ -z "$offenders" ] || {
	printf '%s\n' "$offenders"
	bad=1
}

# What stands in comments does not count; src/gdb/launch.c waits for gdb, which is no tracee.
callers=$(find src -name '*.[ch]' ! -path 'src/task/*' ! -path src/gdb/launch.c ! -path 'src/agent/*' -exec awk '
	{ sub(/\/\*.*/, ""); sub(/\/\/.*/, "") }
	/^[ \t]*\*/ { next }
	/(^|[^_a-zA-Z0-9"])(ptrace|waitpid|wait4|waitid) ?\(/ { print FILENAME ":" FNR ":" $0 }
' {} +)
[ -z "$callers" ] || {
	printf '%s\nonly src/task calls ptrace or waits\n' "$callers"
	bad=1
}

for lib in base abi trace; do
	a=$build/src/$lib/lib$lib.a
	[ -n "$build" ] && [ -f "$a" ] || continue
	if nm -u "$a" 2>/dev/null | grep -wE 'ptrace|waitpid|wait4|waitid'; then
		echo "lib$lib.a: uses ptrace or waits"
		bad=1
	fi
done
exit $bad
