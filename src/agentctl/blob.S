/* The agent's bytes. */
	.section .rodata
	.balign	16
	.globl	agent_blob
	.globl	agent_blob_end
agent_blob:
	.incbin	"agent.bin"
agent_blob_end:
	.byte	0
	.section .note.GNU-stack, "", @progbits
