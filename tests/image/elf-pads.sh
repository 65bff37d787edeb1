#!/bin/bash
# Landing pads of C++: what the compiler's assembler text names in its call-site tables gets a symbol
# each; the reader must find the same addresses in the stripped program.
# usage: elf-pads.sh ELF_PADS
set -eu -o pipefail
tool=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export LC_ALL=C
cat > program.cc << 'END'
#include <stdexcept>
#include <string>
#include <vector>

struct thing {
	std::string s;
	~thing();
};

thing::~thing() {}
int below(int x);

int above(int x)
{
	thing a;

	a.s = "a";
	try {
		thing b;

		if (below(x))
			throw std::runtime_error("b");
		std::vector<std::string> v(x);
		below(v.size());
	} catch (const std::exception &) {
		thing c;

		return below(2);
	} catch (...) {
		below(1);
		throw;
	}
	return below(3);
}

int below(int x)
{
	if (x > 100)
		throw 5;
	return x;
}

int main(int argc, char **argv) { return above(argc); }
END

# A row: .uleb128 start, length, landing pad (0, or LABEL-FUNCTION); .uleb128 or .byte action.
name_pads() {
	awk '
		FNR == NR {
			if (/^\.LLSDAC?S?B[^E]*:/ || /^\.Lcst_begin/) { inside = 1; field = 0 }
			else if (/^\.LLSDACSE/ || /^\.Lcst_end/) inside = 0
			else if (inside && /^[ \t]*\.(uleb128|byte)/ && field++ % 4 == 2 && $2 ~ /^\.L/) {
				sub(/-.*/, "", $2)
				pads[$2 ":"] = 1
			}
			next
		}
		{ label = $1; if (label in pads) print "pad_" ++n ":" }
		{ print }
	' "$1" "$1"
}

bad=0 ran=0
for compiler in g++ clang++; do
	for options in -O2 "-O2 -fno-pie -no-pie" "-O2 -mcmodel=large -fno-pie -no-pie" "-O0 -fPIC"; do
		command -v $compiler > /dev/null || continue
		ran=1
		# shellcheck disable=SC2086 # a list
		$compiler $options -S program.cc -o program.s
		name_pads program.s > named.s
		# shellcheck disable=SC2086
		$compiler $options named.s -o program
		nm program | awk '$3 ~ /^pad_/ { sub(/^0+/, "", $1); print $1 }' | sort -u > want
		strip -s program
		"$tool" program | sort -u > got
		echo "$compiler $options: $(wc -l < want) landing pads"
		[ -s want ] && diff want got || bad=1
	done
done
[ $ran = 1 ] || {
	echo "SKIPPED: no C++ compiler"
	exit 77
}
exit $bad
