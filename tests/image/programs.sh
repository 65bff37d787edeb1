#!/bin/bash
# Real programs, with the images of themselves and all their libraries mapped, do what they do
# without: undisturbed, and when each task is moved to the logical address every few thousand ticks,
# as if for a signal.
# usage: programs.sh RUN-IMAGE
run=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C HOME=$work
failed=0 done=0

# same NEEDED COMMAND...
same() {
	command -v "$1" >/dev/null || {
		echo "SKIPPED: no $1"
		return
	}
	shift
	"$run" -n "$@" <input >native 2>&1
	echo "status $?" >>native
	for how in '' "-l -t 4003"; do
		# shellcheck disable=SC2086
		"$run" $how "$@" <input >ours 2>&1
		echo "status $?" >>ours
		if ! cmp -s native ours; then
			echo "differs (run-image $how): $*" | head -1
			diff native ours | head -5
			failed=1
		fi
	done
	done=$((done + 1))
}

seq 1 60000 >input
cat >program.c <<'end'
#include <stdio.h>
#include <stdlib.h>
static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(void)
{
	static int v[1000];
	for (int i = 0; i < 1000; i++)
		v[i] = i * 7919 % 1009;
	qsort(v, 1000, sizeof(*v), by_value);
	switch (v[7] % 9) { case 0: puts("a"); break; case 3: puts("b"); break; default: printf("%d\n", v[9]); }
	return 0;
}
end
cat >throws.cc <<'end'
#include <cstdio>
#include <stdexcept>
#include <string>
static int f(int n)
{
	std::string s(n, 'a');
	if (!n)
		throw std::runtime_error(s + "end");
	try { return f(n - 1) + s.size(); } catch (std::logic_error &) { return 0; }
}
int main()
{
	int t = 0;
	for (int i = 0; i < 2000; i++)
		try { f(i % 20); } catch (std::exception &e) { t += e.what()[0]; }
	std::printf("%d\n", t);
}
end

same bash bash -c 'x=0; for ((i = 0; i < 5000; i++)); do ((x += i)); done; echo $x; ls / | sort | head -3'
same awk awk '{ a[$1 % 97] += $1 } END { for (k in a) s += k * a[k]; print s }'
same sort sort -k1,1r
same gzip sh -c 'gzip -9c | gzip -dc | cksum'
same xz sh -c 'xz -c | xz -dc | cksum'
same bzip2 sh -c 'bzip2 -c | bunzip2 -c | cksum'
same openssl sh -c 'for d in md5 sha1 sha256 sha512; do openssl dgst -$d input; done'
same openssl openssl enc -aes-256-ctr -K 00112233445566778899aabbccddeeff -iv 00112233445566778899aabbccddeeff
python=$(command -v python3)
same python3 "$(readlink -f "$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo "$python")")" -c '
import sys, json, re, zlib
def g(n):
    for i in range(n):
        try:
            if i % 3 == 0: raise ValueError(i)
            yield i
        except ValueError: yield -i
data = sys.stdin.read()
print(sum(g(20000)), zlib.crc32(data.encode()), len(re.findall(r"\b(\d)\1+\b", data)))
print(len(json.dumps({str(i): [i, i / 3] for i in range(3000)})))'
same perl perl -ne '$h{length $_} .= substr $_, 0, 1; END { print map { "$_ " . length($h{$_}) . "\n" } sort keys %h }'
same sqlite3 sqlite3 :memory: 'create table t(a, b); with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000) insert into t select x, x % 97 from c; select b, count(*), sum(a) from t group by b;'
same git git hash-object --stdin
same gcc gcc -O2 -w -S -o - program.c
if command -v g++ >/dev/null && g++ -O2 -w -o throws throws.cc; then
	same g++ ./throws
fi
[ $done -ge 5 ] || failed=1
echo "image programs: $done programs $([ $failed = 0 ] && echo ok || echo FAILED)"
exit $failed
