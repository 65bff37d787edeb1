#!/bin/bash
# Programs that cannot be started: one line, status 69, and no trace left behind.
# usage: refused-starts.sh RR
rr=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-refused.XXXXXX")
trap 'rm -rf "$work"' EXIT
export _RR_TRACE_DIR=$work/traces HOME=$work
cd "$work" || exit 2
bad=0

refuse() {
	local what=$1 status
	shift
	"$@" >out 2>err </dev/null
	status=$?
	if [[ $status = 69 && $(wc -l <err) = 1 && $(cat err) = "rr: "* && ! -s out ]]; then
		echo "ok: $what: $(cat err)"
	else
		echo "FAIL: $what: status $status, $(wc -l <err) lines:"
		cat err
		bad=1
	fi
	if [[ $(ls -A traces 2>/dev/null) ]]; then
		echo "FAIL: $what: left behind: $(ls -A traces)"
		rm -rf traces
		bad=1
	fi
}

echo plain >plain
echo garbage >garbage
chmod 755 garbage
printf '#!/no/such/interpreter\n' >script
chmod 755 script
printf '\177ELF truncated' >elf
chmod 755 elf
refuse 'a missing file' "$rr" record /nonexistent
refuse 'a name that is not in PATH' "$rr" record no-such-program-anywhere
refuse 'a directory' "$rr" record /tmp
refuse 'a file that is not executable' "$rr" record ./plain
refuse 'a file that is no program' "$rr" record ./garbage
refuse 'a script without its interpreter' "$rr" record ./script
refuse 'a broken ELF file' "$rr" record ./elf
refuse 'an empty name' "$rr" record ''
if [[ $(id -u) = 0 ]] && command -v setpriv >/dev/null; then
	mkdir closed && cp /bin/true closed && chmod 700 closed && chmod 755 "$work"
	cp "$rr" ./rr-copy && mkdir -m 777 open && export _RR_TRACE_DIR=$work/open/traces
	refuse 'a program without permission' setpriv --reuid=65534 --regid=65534 --clear-groups \
		./rr-copy record ./closed/true
fi
exit $bad
