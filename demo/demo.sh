#!/bin/bash
# Show a newcomer what a recording is: a script of many processes runs once, its input is deleted, and it
# runs again, the same to the last byte.
# usage: demo.sh RR
set -u
rr=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
export _RR_TRACE_DIR=$work/traces
cd "$work" || exit 1

say() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}
[[ -t 1 ]] || say() { printf '\n%s\n' "$*"; }

mkdir -p input/{poems,lists}
for i in {1..20}; do
	seq -f "line %g of poem $i" $((i * 5)) >input/poems/$i
	shuf -i 1-1000 -n 50 >input/lists/$i
done

cat >program.sh <<'end'
#!/bin/bash
# Bash, and what it starts: find, cat, tr, sort, uniq, wc, three jobs in the background.
echo "I am process $$, the time is $(date +%H:%M:%S.%N), a random number: $RANDOM"
echo "the words used most:"
find input -type f | sort | xargs cat | tr -cs '[:alnum:]' '\n' | sort | uniq -c | sort -rn | head -n 3
for job in 1 2 3; do
	(sleep 0.0$((RANDOM % 9)); echo "job $job (process $BASHPID) has counted $(cat input/lists/$job* | wc -l) lines") &
done
wait
echo "input has $(find input -type f | wc -l) files" >&2
exit 3
end
chmod +x program.sh

say "1. A program runs under \`rr record\`. It is a shell script that starts some twenty processes:"
echo "   \$ rr record ./program.sh"
"$rr" record ./program.sh >recorded.out 2>recorded.err
status=$?
sed 's/^/   | /' recorded.out recorded.err
echo "   It ended with status $status. Its process numbers, its clock and its random number are of this one run;"
echo "   run it again, and they differ."

say "2. Now its input and the script itself are deleted."
rm -r input program.sh
echo "   \$ rm -r input program.sh"

say "3. \`rr replay\` runs all these processes again, from the recording:"
echo "   \$ rr replay -a"
"$rr" replay -a >replayed.out 2>replayed.err
again=$?
sed 's/^/   | /' replayed.out replayed.err

say "4. Are the two runs the same?"
result=0
compare() {
	if cmp -s "$2" "$3"; then
		echo "   $1: equal, $(stat -c %s "$2") bytes"
	else
		echo "   $1: DIFFERENT"
		diff "$2" "$3" | head -n 5
		result=1
	fi
}
compare "standard output" recorded.out replayed.out
compare "standard error" recorded.err replayed.err
if [[ $status = "$again" && $status = 3 ]]; then
	echo "   exit status: equal, $status"
else
	echo "   exit status: DIFFERENT, $status and $again"
	result=1
fi
trace=$(readlink -f traces/latest-trace)
echo "   The recording: $("$rr" dump "$trace" 2>/dev/null | wc -l) events of" \
	"$("$rr" ps "$trace" 2>/dev/null | tail -n +2 | wc -l) processes, $(du -sh "$trace" | cut -f 1)."

say "Nothing was simulated: the same instructions ran again, in the same order, on the same data. That is what makes"
echo "a failure that happened once something you can look at as often as you like."
say "To try next:"
rr_shown=$(realpath --relative-to="$OLDPWD" "$rr")
cat <<end
   $rr_shown record ls -l      record something of yours
   $rr_shown replay -a         run it again, as often as you like
   $rr_shown dump | less       what happened, event by event, in words
   $rr_shown ps                the processes of the recording
   $rr_shown doctor            what this machine offers, and what would make it better
   $rr_shown help              all commands
end
exit $result
