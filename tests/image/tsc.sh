#!/bin/bash
# In how many places of a library the time-stamp counter may be read that are not the agent's.
# usage: tsc.sh RR CC
rr=$(realpath "$1") cc=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/rr-tsc.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
bad=0 n=0

# places N NAME, the assembler on stdin: function `f`, and what follows it.
places() {
	local found
	{
		printf '\t.text\n\t.globl f\n\t.type f, @function\nf:\n'
		cat
		printf '\n\t.section .note.GNU-stack,"",@progbits\n'
	} >"$2.s"
	$cc -shared -nostdlib -o "$2.so" "$2.s" || exit 1
	found=$("$rr" image --no-cache "$2.so" | sed -n 's/^rdtsc .* in \([0-9]*\) places.*/\1/p')
	n=$((n + 1))
	[[ ${found:-0} -eq $1 ]] || {
		echo "FAIL: $2: ${found:-0} places instead of $1"
		bad=1
	}
}
end=$'\n\t.size f, . - f\n'

places 0 none <<<"xor %eax, %eax; ret $end"
places 0 agents <<<"rdtsc; shl \$32, %rdx; or %rdx, %rax; ret $end"
places 0 traps <<<"1: rdtsc; jmp 1b $end"
places 1 rdpru <<<".byte 0x0f, 0x01, 0xfd; ret $end"
places 0 in_a_constant <<<"mov \$0xfd310f00, %eax; ret $end"
places 0 in_a_long_constant <<<"movabs \$0xfd010f00310f0000, %rax; ret $end"
places 0 data_behind <<<"ret $end .p2align 4; rdtsc; jmp *%rax"
places 1 named_behind <<<"lea 1f(%rip), %rax; ret $end .p2align 4; 1: rdtsc; jmp *%rax"
places 1 behind_a_call <<<"call f $end rdtsc; jmp *%rax"
places 1 anywhere <<<"lea 1f(%rip), %rax; ret $end .p2align 4; 1: jmp *%rax; rdtsc"
echo "$n libraries"
exit $bad
