#!/bin/bash
# Recording and replay by those who may do little: an ordinary user, in a user namespace, and with
# 1 GiB of address space. Calls are buffered all the same.
# usage: restricted.sh RR
set -u
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-restricted.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$(realpath "$1")" "$work/rr" || exit 2 # which they may not be able to reach
rr=$work/rr
chmod 755 "$work" "$rr"
cd "$work" || exit 2
bad=0 ran=0
echo "perf_event_paranoid is $(cat /proc/sys/kernel/perf_event_paranoid)"

cat >program.sh <<'end'
id -u
for i in 1 2 3; do
	(echo "child $i"; ls /usr/share/doc | head -n 3)
done | sort -r
kill -USR1 $$ 2>/dev/null || echo "no signal"
end

# restricted WHAT COMMAND...: the command runs what follows it.
restricted() {
	local what=$1 status
	shift
	mkdir -p -m 777 home
	chmod 777 home
	export HOME=$work/home _RR_TRACE_DIR=$work/home/traces _RR_CACHE_DIR=$work/home/cache
	timeout 60 "$@" "$rr" record bash -c "trap 'echo trapped' USR1; . $work/program.sh" \
		>out 2>err </dev/null
	status=$?
	if [[ $status != 0 || $(grep -c trapped out) != 1 ]]; then
		echo "FAIL: $what: recording: status $status: $(tail -n 3 err)"
		bad=1
	elif ! timeout 60 "$@" "$rr" replay -a >replay.out 2>replay.err </dev/null; then
		echo "FAIL: $what: replay: $(tail -n 8 replay.err)"
		bad=1
	elif ! cmp out replay.out; then
		echo "FAIL: $what: what was replayed is not what was recorded"
		bad=1
	elif [[ $("$@" "$rr" dump -s) =~ 'calls without one: '([0-9]+) && ${BASH_REMATCH[1]} -gt 100 ]]; then
		echo "ok: $what: ${BASH_REMATCH[1]} calls without a stop"
	else
		echo "FAIL: $what: calls are not buffered: $("$@" "$rr" dump -s | grep '^stops')"
		bad=1
	fi
	ran=1
	rm -rf home
}

skipped() {
	echo "SKIPPED: $*"
}

if [[ $(id -u) != 0 ]]; then
	restricted 'an ordinary user' env
elif command -v setpriv >/dev/null; then
	restricted 'an ordinary user' setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all
else
	skipped 'an ordinary user: no setpriv'
fi
if unshare -Ur true 2>/dev/null; then
	restricted 'a user namespace' unshare -Ur
else
	skipped 'a user namespace: they are not permitted here'
fi
# Code instrumented for the sanitizers has more than that.
if [[ $(nm "$rr" 2>/dev/null) == *__asan_init* ]]; then
	skipped 'little address space: rr has a sanitizer'
else
	restricted '1 GiB of address space' bash -c 'ulimit -v 1048576; exec "$@"' limited
fi
[[ $ran = 1 ]] || exit 77
exit $bad
