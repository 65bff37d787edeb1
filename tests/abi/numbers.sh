#!/bin/sh
# NUMBERS: one row HEADER_NR(arch, name, number) for each call that the installed headers know.
# usage: numbers.sh CC OUTPUT
set -eu
rows() {
	printf '#include <asm/%s>\n' "$2" | "$cc" -E -dM - |
		sed -n "s/^#define __NR_\\([a-z0-9_]*\\) \\([0-9][0-9]*\\)\$/HEADER_NR($1, \"\\1\", \\2)/p"
}
cc=$1
{
	rows ARCH_X86_64 unistd_64.h
	rows ARCH_I386 unistd_32.h
} >"$2"
