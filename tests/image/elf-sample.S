/*
 * A program (or library, or both) of one of each thing that the ELF reader finds. What it has to
 * say follows from the names of the symbols, which nm tells; the reader gets the file without them:
 *
 *	f_X, f_X_end	 a function, and the end of it
 *	d_X, d_X_end	 one that only .dynsym knows
 *	o_X		 another, of which o_X_cut to o_X_end is no other's
 *	i_X		 one that is not believed
 *	t_X		 an address that something names as code
 *	a_X, a_X_end	 each byte is one
 *	s_X		 an FDE of a signal frame starts a byte before it: two targets
 *
 * and nothing else is. -DFIXED: at fixed addresses; -DHIGH: above 4 GB. -DGO=2, 16, 18, 20: with
 * a Go function table of that version. -DCALLS: with a PLT.
 */
	.text
	.globl f_start
	.type f_start, @function
f_start:
	.cfi_startproc
	nop
	nop
#ifdef CALLS
	call external@plt
#endif
	ret
	.cfi_endproc
f_start_end:
	.fill 5, 1, 0xff

f_uleb:	/* landing pads as compilers write them */
	.cfi_startproc
	.cfi_personality 0x9b, personality
	.cfi_lsda 0x1b, .Llsda1
	nop
	nop
t_uleb1:
	nop
	nop
t_uleb2:
	ret
	.cfi_endproc
f_uleb_end:

f_wide:	/* ... with an explicit start, and fields of 4 bytes; the CIE has another encoding */
	.cfi_startproc
	.cfi_lsda 0x1b, .Llsda2
	nop
t_wide1:
	ret
	.cfi_endproc
f_wide_end:

f_broken: /* ... cut off in the middle of a call site */
	.cfi_startproc
	.cfi_lsda 0x1b, .Llsda3
a_broken:
	nop
	nop
	ret
a_broken_end:
	.cfi_endproc
f_broken_end:

	.fill 40, 1, 0x90
	.cfi_startproc
	.cfi_signal_frame
	nop
s_signal:
	mov $15, %eax
	syscall
	.cfi_endproc

f_far:	/* an FDE written out below */
	nop
t_table1: /* of a static table of labels */
	nop
t_table2:
	nop
t_table3:
	nop
	nop
t_init:
	ret
f_far_end:

	.fill 3, 1, 0xcc
	.globl d_asm
	.type d_asm, @function
	.hidden d_asm_end
	.globl o_over
	.type o_over, @function
d_asm:	/* no FDE */
	nop
o_over: /* begins inside of it */
	ret
d_asm_end:
o_over_cut:
	.size d_asm, . - d_asm
	nop
	ret
o_over_end:
	.size o_over, . - o_over
	.globl i_inside, i_outside
	.type i_inside, @function
	.type i_outside, @function
	.set i_inside, f_far + 1 /* symbols that overlap an FDE */
	.size i_inside, 2
	.set i_outside, o_over_end
	.size i_outside, 100000 /* leaves its segment */
	.fill 3, 1, 0xcc
	.globl t_label
	.type t_label, @function
t_label: /* no FDE, no size */
	nop
	ret

#ifdef GO
	.fill 3, 1, 0xcc
go_text:
f_go1:
	nop
	nop
t_deferreturn:
	nop
	ret
f_go1_end:
f_go2:
	nop
	ret
f_go2_end:
	.fill 3, 1, 0xcc

	.section .go.buildinfo, "a", @progbits
	.quad 0
#ifdef FIXED
	.section .gopclntab, "a", @progbits
#else
	.section .data.rel.ro.gopclntab, "aw", @progbits
#endif
	.balign 32
.Ltab:
#if GO == 2
	.long 0xfffffffb
#elif GO == 16
	.long 0xfffffffa
#elif GO == 18
	.long 0xfffffff0
#else
	.long 0xfffffff1
#endif
	.byte 0, 0, 1, 8
	.quad 2
#if GO == 2
#define BASE .Ltab
#else
#define BASE .Lfunctab
	.quad 0
#if GO >= 18
	.quad go_text
#endif
	.quad 0, 0, 0, 0, .Lfunctab - .Ltab
#endif
.Lfunctab:
#if GO >= 18
	.long f_go1 - go_text, .Lrec1 - BASE, f_go2 - go_text, .Lrec2 - BASE, f_go2_end - go_text
.Lrec1:	.long f_go1 - go_text
#else
	.quad f_go1, .Lrec1 - BASE, f_go2, .Lrec2 - BASE, f_go2_end
.Lrec1:	.quad f_go1
#endif
	.long 0, 0, t_deferreturn - f_go1, 0
.Lrec2:	.quad 0, 0, 0, 0
#endif

	.section .gcc_except_table, "a", @progbits
.Llsda1:
	.byte 0xff, 0xff, 1
	.uleb128 .Lend1 - .Lsites1
.Lsites1:
	.uleb128 0, 1, t_uleb1 - f_uleb, 0
	.uleb128 1, 1, 0, 0
	.uleb128 2, 1, t_uleb2 - f_uleb, 3
.Lend1:
	.balign 4
.Llsda2:
	.byte 0x1b
	.long t_wide1 - 7 - .
	.byte 0x9b
	.uleb128 20
	.byte 3
	.uleb128 .Lend2 - .Lsites2
.Lsites2:
	.long 0, 1, 7
	.uleb128 0
.Lend2:
.Llsda3:
	.byte 0xff, 0xff, 1
	.uleb128 2
	.uleb128 1, 1

	/* A CIE of encodings that compilers choose for large code. */
	.section .eh_frame, "a", @unwind
.Lcie:
	.long .Lcie_end - . - 4
	.long 0
	.byte 1
#ifdef FIXED
	.asciz "" /* absptr */
	.uleb128 1
	.sleb128 -8
	.byte 16
#else
	.asciz "zR"
	.uleb128 1
	.sleb128 -8
	.byte 16
	.uleb128 1
	.byte 0x1c /* pcrel sdata8 */
#endif
	.byte 12, 7, 8, 0x90, 1
	.balign 8
.Lcie_end:
	.long .Lfde_end - . - 4
	.long . - .Lcie
#ifdef FIXED
	.quad f_far
#else
	.quad f_far - .
#endif
	.quad f_far_end - f_far
#ifndef FIXED
	.uleb128 0
#endif
	.balign 8
.Lfde_end:

	.data
	.balign 8
	.quad t_table1, 0, t_table2, 1, 2, 3
personality:
	.quad 0
#ifdef HIGH
	.long 7
	.quad t_table3
	.word 1
	.quad f_far + 4
#elif defined(FIXED)
	.long 7, t_table3
	.word 1
	.long f_far + 4 /* unaligned: not taken as an address */
#else
	.quad t_table3
#endif
	.section .init_array, "aw", @init_array
	.quad t_init
	.section .note.GNU-stack, "", @progbits
