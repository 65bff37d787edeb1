/*
 * Functions without symbols and frames, which `known` leads to (gaps.sh). Each has a system call, by
 * which it can be seen whether it was patched: those called good_ should be, others not.
 */
	.macro call_kernel
	movl $39, %eax
	syscall
	.endm

	.text
	.globl known
	.type known, @function
known:
	call good_called
	call good_behind_a_call
	call good_not_aligned
	call before_data
	movl words(%rip), %eax
	call before_bytes
	call switches
	call overlaps
	call overlaps + 1
	call privileged
	call leaves_the_text
	call shares_with_bad
	call middle
	lea named_inside + 1(%rip), %rax
	call named
	jmp good_jumped_to
	.size known, . - known

	.p2align 4
good_called:
	test %edi, %edi
	jz 1f
	call_kernel
1:	ret
	.p2align 4
good_behind_a_call:
	call good_called
	call_kernel
	jmp *place@GOTPCREL(%rip)
	ret
good_not_aligned:
	call_kernel
	ret
	.p2align 4
good_jumped_to:
	call_kernel
	ret

	.p2align 4
before_data:
	call_kernel
	call stops
words:	.byte 0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0xc3
	.p2align 4
before_bytes:
	call_kernel
	call stops
	.byte 0x06
	.p2align 4
switches:
	call_kernel
	jmp *%rax
	.p2align 4
overlaps:
	movl $0xc3900000, %eax
	call_kernel
	ret
	.p2align 4
privileged:
	call_kernel
	in %dx, %al
	ret
	.p2align 4
leaves_the_text:
	call_kernel
	jz . + 0x1000000
	ret
	.p2align 4
shares_with_bad:
	call_kernel
	jmp 1f
	.p2align 4
	call_kernel
1:	call_kernel
	jmp *%rax
	.p2align 4
	xor %ecx, %ecx
middle:
	call_kernel
	ret
	.p2align 4
named:
	call_kernel
named_inside:
	movl $1, %eax
	ret
	.p2align 4
not_called:
	call_kernel
	ret
	.p2align 4
stops:
	ud2

	.data
	.globl place
place:	.quad 0
