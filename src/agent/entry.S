/*
 * The ways into the agent and out of it.
 *
 * A hook at a system call (image/stubs.c) comes with rcx = the address of its own `syscall`
 * instruction, r11 = the original address behind the call, and all else the program's; the call
 * would change rcx and r11 itself. The program's stack is not touched: there may be none. Flags are
 * constant at every exit, because what was done here differs between a recording and its replay.
 */
#include "agent/agent.h"

	.intel_syntax noprefix
	.section .head, "a"
	.quad	AGENT_MAGIC
	.quad	enter_call
	.quad	enter_insn
	.quad	pass_call
	.quad	pass_insn
	.quad	boot
	.quad	batch
	.quad	untraced_end
	.quad	report_end
	.quad	copy_insn
	.quad	copy_end
	.quad	store_insns
	.quad	store_failed
	.quad	agent_code_end

	.text
pass_call:
	cmp	esp, esp
	jmp	rcx

/* The instruction is executed where it is; but for that which needs no record. */
pass_insn:
	mov	[AGENT_STATE + STATE_TARGET], rcx
	movzx	ecx, byte ptr [rcx - AGENT_SITE_SIZE]
	lea	ecx, [rcx - AGENT_SITE_XSAVE]
	jrcxz	1f
	mov	rcx, [TICK_SAVED_RCX]
	jmp	qword ptr [AGENT_STATE + STATE_TARGET]
1:	mov	rcx, [AGENT_STATE + STATE_TARGET]

/* A hook at another instruction (mem/insn_site.h): all registers and flags are the program's. */
enter_insn:
	mov	[AGENT_STATE + STATE_RSP], rsp
	mov	[AGENT_STATE + STATE_RAW], rcx
	mov	rcx, [TICK_SAVED_RCX]
	mov	rsp, AGENT_STACK
	pushfq
	and	dword ptr [rsp], ~0x100	/* TF, if a tracer makes single steps */
	cld
	push	r15
	push	r14
	push	r13
	push	r12
	push	r11
	push	r10
	push	r9
	push	r8
	push	rdi
	push	rsi
	push	rbp
	push	qword ptr [AGENT_STATE + STATE_RSP]
	push	rbx
	push	rdx
	push	rcx
	push	rax
	mov	rdi, rsp
	sub	rsp, 8
	call	agent_insn	/* rax: where to go on */
	mov	[AGENT_STATE + STATE_TARGET], rax
	add	rsp, 8
	pop	rax
	pop	rcx
	pop	rdx
	pop	rbx
	pop	qword ptr [AGENT_STATE + STATE_RSP]
	pop	rbp
	pop	rsi
	pop	rdi
	pop	r8
	pop	r9
	pop	r10
	pop	r11
	pop	r12
	pop	r13
	pop	r14
	pop	r15
	popfq
	mov	rsp, [AGENT_STATE + STATE_RSP]
	jmp	qword ptr [AGENT_STATE + STATE_TARGET]

enter_call:
	mov	[AGENT_STATE + STATE_RSP], rsp
	mov	[AGENT_STATE + STATE_RAW], rcx
	mov	[AGENT_STATE + STATE_NEXT], r11
	mov	[AGENT_STATE + STATE_NR], rax
	mov	rsp, AGENT_STACK
	pushfq
	pop	r11
	test	r11d, 0x400	/* with the direction flag set no C code can run */
	jnz	3f
	push	r9
	push	r8
	push	r10
	push	rdx
	push	rsi
	push	rdi
	mov	rdi, rsp
	mov	rsi, rax
	call	agent_syscall	/* rax: result; rdx: whether the call was made */
	mov	r11, rdx
	pop	rdi
	pop	rsi
	pop	rdx
	pop	r10
	pop	r8
	pop	r9
	test	r11, r11
	jz	3f
	mov	rcx, [AGENT_STATE + STATE_RAW]
	add	rcx, 2
	mov	[AGENT_STATE + STATE_TARGET], rcx
	mov	rcx, [AGENT_STATE + STATE_NEXT]
	mov	r11d, 0x246
	cmp	esp, esp
	mov	rsp, [AGENT_STATE + STATE_RSP]
	jmp	qword ptr [AGENT_STATE + STATE_TARGET]

3:	mov	rax, [AGENT_STATE + STATE_NR]
	xor	r11d, r11d
	xor	ecx, ecx
	cmp	esp, esp
	mov	rsp, [AGENT_STATE + STATE_RSP]
	jmp	qword ptr [AGENT_STATE + STATE_RAW]

/* int64_t untraced(nr, arg0..arg5): a system call that the filter lets pass. */
	.globl	untraced
untraced:
	mov	rax, rdi
	mov	rdi, rsi
	mov	rsi, rdx
	mov	rdx, rcx
	mov	r10, r8
	mov	r8, r9
	mov	r9, [rsp + 8]
	syscall
untraced_end:
	ret

/* void agent_stop(void): a system call that never is made but stops for the tracer. */
	.globl	agent_stop
agent_stop:
	mov	eax, 0x7272
	syscall
report_end:
	ret

/* uint64_t copy_user(to, from, n) */
	.globl	copy_user
copy_user:
	mov	rcx, rdx
copy_insn:
	rep movsb
copy_end:
	mov	rax, rcx
	ret

/* bool store_pair(to, first, second) */
	.globl	store_pair
store_pair:
store_insns:
	mov	[rdi], rsi
	mov	[rdi + 8], rdx
	mov	eax, 1
	ret
store_failed:
	xor	eax, eax
	ret

/* All is mapped as one, readable and executable; there is no stack of ours yet. */
boot:
	mov	edi, 10 /* mprotect */
	mov	esi, TICK_PAGE
	mov	edx, SHARED_END - TICK_PAGE
	mov	ecx, 3
	call	untraced
batch:
	mov	rsp, AGENT_STACK
	cld
	call	agent_batch
	ud2

	.section .note.GNU-stack, "", @progbits
