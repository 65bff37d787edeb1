/*
 * The tracer's end of the agent (src/agent): the memory that they share, the agent's place in
 * tracees, the filter by which the kernel tells its calls from others.
 */
#ifndef AGENTCTL_AGENTCTL_H
#define AGENTCTL_AGENTCTL_H

#include "agent/agent.h"
#include "task/task.h"

struct agent {
	int fd;			/* of the memory: what is shared, then the code */
	struct tick_page *page; /* as tracees have it at TICK_PAGE; the others likewise */
	struct agent_state *state;
	uint8_t *buffer, *echo;
	uint8_t *vvar; /* AGENT_VVAR */
	const struct agent_header *header;
	bool filtered;	   /* tracees have the filter */
	raddr_t boot_code; /* where every new program has AGENT_BOOT_CODE; 0: nowhere */
};

/*
 * With the filter, the agent is mapped by two calls announced to us, then its own code runs, up to
 * its report: syscall (open); syscall (mmap); jmp rbx.
 */
#define AGENT_BOOT_CODE                            \
	{                                          \
		0x0f, 0x05, 0x0f, 0x05, 0xff, 0xe3 \
	}

/* Make the memory. Hooks pass by the agent until agent_enable(). 0 or -errno. */
int agent_open(struct agent *a, enum agent_mode mode);
void agent_close(struct agent *a);

/* What hooks at calls, and those at other instructions, do from now on: enter the agent, or execute
 * what they replace themselves. */
void agent_enable(struct agent *a, bool calls, bool insns);

/* The vDSO's data in a tracee: mappings that follow each other. */
#define AGENT_MAX_VVAR 4
struct agent_vvar {
	struct mm_range part[AGENT_MAX_VVAR];
	size_t n;
	bool moved; /* they are at AGENT_VVAR now */
};

/*
 * Map the shared memory and the agent's code in the tracee's address space, which has nothing
 * there: 0; -ESRCH; or -errno of what the tracee could not do. `buf`: memory of its for a name
 * (task_remote_open()). `vvar`, if not NULL, is moved, where the agent is filtered.
 */
int agent_map(struct agent *a, struct task *t, raddr_t buf, struct agent_vvar *vvar);

/*
 * System calls in a tracee that has the agent, in one go: they are added, then run. An argument can
 * be the result of a call before it. Adding returns the call's index.
 */
void agent_batch_begin(struct agent *a);
unsigned int agent_batch_add(struct agent *a, int nr, const uint64_t args[6]);
void agent_batch_use(struct agent *a, unsigned int call, unsigned int arg, unsigned int result_of);
/* Open what our descriptor `fd` is open on (task_remote_open()); one in a batch. */
unsigned int agent_batch_open(struct agent *a, int fd, int flags);
static inline bool agent_batch_full(const struct agent *a)
{
	return a->state->n_batch == MAX_BATCH;
}
/* Run them, up to the first that fails: 0, -ESRCH, or what that one failed with. */
int agent_batch_run(struct agent *a, struct task *t);

/* The address of a `syscall` instruction that the filter lets pass. */
static inline raddr_t agent_syscall_insn(const struct agent *a)
{
	return a->header->untraced - 2;
}

/* Whether the address is one of the agent's. */
static inline bool agent_has(raddr_t addr)
{
	return addr >= AGENT_CODE && addr < OURS_END;
}

/*
 * In this process, install a seccomp filter that lets the agent's own calls pass, and those of its
 * copy of the vDSO, and sends all others to the tracer (SECCOMP_RET_TRACE): 0 or -ENOTSUP, there
 * are no filters here.
 */
int agent_install_filter(const struct agent *a);

#endif
