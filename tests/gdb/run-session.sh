#!/bin/bash
# Run a scripted session of a real gdb on a recording, and compare its transcript with the expected one.
# usage: run-session.sh RR SESSION [-u]
#
# SESSION is sessions/NAME.gdb: gdb's commands, after comments `# program: P`, `# record: O` (options of rr
# record), `# options: O` (of rr replay) and `# limit: SECONDS`; `# include: NAME.inc` has the commands of another file there.
# What it must print is NAME.expected; -u writes that. Addresses, pids and times are made the same first; the commands are
# shown, so that the transcript can be read.
set -u

rr=$(realpath "$1") session=$(realpath "$2") update=${3:-}
here=$(dirname "$(realpath "$0")")
. "$here/../features.sh"
name=$(basename "$session" .gdb)

skipped() {
	echo "SKIPPED gdb session $name: $*"
	exit 77
}

field() {
	sed -n "s/^# $1: //p" "$session"
}

# The commands of a session, and of the files that it includes.
commands() {
	local line
	while IFS= read -r line; do
		case $line in
		'# include: '*) commands <"$(dirname "$session")/${line#\# include: }" ;;
		'#'*) ;;
		*) printf '%s\n' "$line" ;;
		esac
	done
}

[ "$have_gdb" = yes ] || skipped "no gdb with Python"
program=$(field program)
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-gdb.XXXXXX")
trap 'rm -rf "$work"' EXIT
ulimit -c 0
export _RR_TRACE_DIR=$work/traces HOME=$work LC_ALL=C
unset MALLOC_PERTURB_ # what is behind the end of a string shows
cd "$here/programs" || exit 1

command=("$work/$program")
case $program in
threads)
	command -v g++ >/dev/null || skipped "no g++"
	g++ -g -O0 -pthread -o "$work/$program" threads.cc || exit 1
	;;
static) gcc -g -O0 -static -o "$work/$program" static.c || exit 1 ;;
python) command=("$(command -v /usr/bin/python3 || command -v python3)" -S -E script.py) ;;
*) gcc -g -O0 -o "$work/$program" "$program.c" || exit 1 ;;
esac
# shellcheck disable=SC2046 # options are words
{ timeout 60 "$rr" record $(field record) "${command[@]}" >"$work/recorded.out"; } 2>"$work/recorded.err"

# Each command is echoed before it is executed; one that fails does not end the session.
commands <"$session" | while IFS= read -r line; do
	printf 'python rr_command(%s)\n' "$(printf '%s' "$line" | sed "s/\\\\/\\\\\\\\/g; s/'/\\\\'/g; s/.*/'&'/")"
done >"$work/commands"
cat >"$work/setup" <<'END'
set pagination off
set confirm off
set width 0
set debuginfod enabled off
python
def rr_command(line):
    gdb.write("(rr) " + line + "\n")
    gdb.flush()
    try:
        gdb.execute(line, False)
    except gdb.error as e:
        gdb.write(str(e) + "\n")
    gdb.flush()

# Everything of the program that shows: all registers, how far it is, the stack, the data.
def rr_state():
    sp = int(gdb.parse_and_eval("$sp"))
    memory = gdb.selected_inferior()
    state = [gdb.execute(c, to_string=True) for c in ("when", "when-ticks", "info all-registers")]
    state.append(bytes(memory.read_memory(sp - 128, min(2048, 128 + (-sp & 0xfff)))))
    for name in ("total", "handled", "account", "stage", "record", "sink", "value"):
        try:
            v = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
            v = v.value()
            state.append(bytes(memory.read_memory(int(v.address), v.type.sizeof)))
        except (gdb.error, AttributeError):
            pass
    return state

rr_marks = {}
class Mark(gdb.Command):
    def __init__(self):
        super().__init__("mark", gdb.COMMAND_USER)
    def invoke(self, name, from_tty):
        rr_marks[name] = rr_state()
class Same(gdb.Command):
    def __init__(self):
        super().__init__("same", gdb.COMMAND_USER)
    def invoke(self, name, from_tty):
        state = rr_state()
        if state == rr_marks[name]:
            gdb.write("as at " + name + "\n")
        for was, now in zip(rr_marks[name], state):
            if was != now and isinstance(was, bytes):
                gdb.write("NOT as at " + name + ": memory\n")
            elif was != now:
                lines = zip(was.splitlines(), now.splitlines())
                differences = [a + " / " + b for a, b in lines if a != b]
                gdb.write("NOT as at " + name + ": " + "; ".join(differences)[:500] + "\n")
Mark()
Same()
end
END
options=$(field options)
options=${options:--q}
# shellcheck disable=SC2086 # options are words
timeout "${LIMIT:-120}" "$rr" replay $options -x "$work/setup" -x "$work/commands" -- \
	-nx -batch -iex 'set debug-file-directory /nonexistent' </dev/null >"$work/out" 2>&1
status=$?
# CPU time, in whole seconds: the machine may have other things to do.
times >"$work/times"
seconds=$(sed -nE '2s/([0-9]+)m([0-9]+)\.[0-9]+s ([0-9]+)m([0-9]+).*/\1*60+\2+\3*60+\4/p' "$work/times")
seconds=$((seconds))

# Which thread runs when is another story in each recording, and told by these lines.
sed -E "/^\[(New Thread|Switching to)/d; s#$work#WORK#g; s#$here#HERE#g; s/0x[0-9a-f]{5,}/ADDRESS/g; s/[0-9]+\.[0-9]{6}/SECONDS/g
	s/ +/ /g; s/(process|tid:|Thread|LWP) [0-9]+(\.[0-9]+)?/\1 PID/g; s/\((LWP|pid|process) [0-9]+\)/(\1 PID)/g
	s/(event|recording|tick): [0-9]+/\1: N/; s/^([0-9]+\t)[0-9]+\t/\1N\t/" "$work/out" >"$work/transcript"
# Its code is another one in each build of it.
[ "$program" != python ] || sed -i -E 's/^((Old|New) value = )[0-9]{6,}$/\1NUMBER/' "$work/transcript"
if [ "$update" = -u ]; then
	cp "$work/transcript" "${session%.gdb}.expected"
	cat "$work/transcript"
	echo "status $status, $seconds s"
	exit 0
fi
diff -u "${session%.gdb}.expected" "$work/transcript" || exit 1
[ $status = 0 ] || { echo "FAIL: status $status"; exit 1; }
limit=$(field limit)
[ "$seconds" -le "${limit:-120}" ] || { echo "FAIL: it took $seconds s"; exit 1; }
echo "$name: $(grep -c '^(rr)' "$work/transcript") commands, $seconds s"
