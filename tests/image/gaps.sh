#!/bin/bash
# Functions that nothing describes but calls: found if all is well with them, else left alone.
# usage: gaps.sh RR CC
rr=$(realpath "$1") cc=$2 here=$(dirname "$(realpath "$0")")
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-gaps.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
$cc -shared -nostdlib -o full.so "$here/gaps.S" && strip -s -o stripped.so full.so || exit 1
"$rr" image --no-cache -d stripped.so >shown || exit 1
bad=0 n_good=0 n_left=0

# What is patched: addresses of the displaced system calls.
patched=$(sed -nE 's/^ +(original)? +([0-9a-f]+): +0f 05 .*/0x\2/p' shown)
while read -r start _ name; do
	[[ $name != known && $name != stops && $name != words && $name != named_inside ]] || continue
	hit=no
	# All of these functions are shorter than what separates one that is good from one that is not.
	for at in $patched; do
		((at < 0x$start || at >= 0x$start + 16)) || hit=yes
	done
	case $name in
	good_*) want=yes n_good=$((n_good + 1)) ;;
	*) want=no n_left=$((n_left + 1)) ;;
	esac
	[[ $hit == "$want" ]] || {
		echo "FAIL: $name at $start: patched: $hit, should be: $want"
		bad=1
	}
done < <(nm full.so | grep ' t ' | sort)
[[ $n_good -eq 4 && $n_left -ge 9 ]] || {
	echo "FAIL: $n_good and $n_left functions: not those of gaps.S"
	bad=1
}
echo "$n_good functions that are to be found, $n_left to be left alone"
exit $bad
