/*
 * The agent's own functions. Everything here runs inside tracees, freestanding: no libc, no thread
 * local storage, no data but the shared state, no floating-point registers.
 */
#ifndef AGENT_INTERNAL_H
#define AGENT_INTERNAL_H

#include "abi/syscall.h"
#include "agent/agent.h"

#include <asm/unistd_64.h>
#include <errno.h>

#define STATE ((struct agent_state *)AGENT_STATE)

/* --- entry.S --- */
int64_t untraced(int64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
		 uint64_t f);
void agent_stop(void);
/* Copy to or from the program's memory: how many bytes could not be. (The tracer lets the copy end
 * where it faults.) */
uint64_t copy_user(void *to, const void *from, uint64_t n);
/* Two words that lie in one page: whether they could be stored, both of them. */
bool store_pair(uint64_t to, uint64_t first, uint64_t second);

/* Stop for the tracer. */
void agent_report(enum agent_report why);

#define AGENT_BUG_ON(cond)                           \
	do {                                         \
		if (__builtin_expect(!!(cond), 0)) { \
			STATE->reason = __LINE__;    \
			agent_report(REPORT_BUG);    \
		}                                    \
	} while (0)

static inline int64_t call0(int64_t nr)
{
	return untraced(nr, 0, 0, 0, 0, 0, 0);
}
static inline int64_t call3(int64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	return untraced(nr, a, b, c, 0, 0, 0);
}
static inline int64_t call6(const struct abi_call *c)
{
	return untraced(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
}

/* What a system call came to. */
struct outcome {
	int64_t result;
	uint64_t made; /* 0: it is to be made by the program itself, and traced */
};

/* Write a record of the finished call; `flags` are RECORD_*. */
void record_call(const struct abi_call *call, const struct syscall_row *row, uint32_t flags);
/* Take the result of the call from the buffer; `made` is 0 if it is not there. */
struct outcome replay_call(const uint64_t arg[6], int64_t nr);

/* Do again what the recorded call did to the address space; false: the tracer has to. */
bool remake_call(const uint64_t arg[6], int64_t nr, int64_t result, uint32_t file);

/* What an instruction gave, and the program's registers around it, by their numbers. */
struct insn_result {
	uint64_t a, b;
};
struct agent_regs {
	uint64_t reg[16];
	uint64_t flags;
};
#define ARITHMETIC_FLAGS 0x8d5

/* `v` is NULL if the CPU executes it at its place. */
void record_insn(uint16_t nr, const struct insn_result *v);
/* Whether the result of the instruction is in the buffer. */
bool replay_insn(uint16_t nr, struct insn_result *v);

/* Write a record of a call that told the time, RECORD_TIME. */
void record_time(const uint64_t arg[6], int64_t nr, int64_t seconds, uint32_t fraction);

/* --- time.c --- */

/* Ask the vDSO, store what it says, record it: false if nothing of that can be done. */
bool time_call(const uint64_t arg[6], int64_t nr, struct outcome *out);
/* What the call gives and stores, from its record. */
int64_t time_apply(const uint64_t arg[6], int64_t nr, const struct agent_record *r);

/* --- fds.c --- */

/* What a descriptor is, as far as it matters for whether a call on it can wait. */
enum fd_kind {
	FD_BAD,	 /* none is open */
	FD_FILE, /* a regular file or block device: never waits for a task */
	FD_DIR,
	FD_MEMORY, /* /dev/null and the like: never waits */
	FD_PIPE,
	FD_SOCKET,
	FD_OTHER, /* eventfd, timerfd, ...: does not wait when poll says so */
	FD_TTY,	  /* and other devices: the tracer's business */
	FD_KIND_MASK = 15,
	FD_STDOUT = 16, /* the recorder's own */
	FD_STDERR = 32,
	FD_WATCHED = 64, /* what is written to it has to be seen by the tracer: it is mapped */
};

uint32_t fd_kind(int fd);
/* The call that has just opened it says what the descriptor is: an enum fd_kind. */
void fd_note(int64_t fd, uint32_t kind);
/* The descriptor is another file's, or nobody's, from now on. */
void fd_forget(int fd);
void fd_forget_all(void);
bool fd_nonblocking(int fd);
/* The stamp of the regular file that it is open on; false: of none. */
bool fd_stamp(int fd, struct agent_stamp *stamp);
bool same_stamp(const struct agent_stamp *a, const struct agent_stamp *b);
/* Whether poll() says that `events` are there now. */
bool fd_ready(int fd, short events);

/* --- reads.c --- */

/* A read of a file, by any call: made, and `*flags` of its record. True. */
bool make_file_read(struct abi_call *call, uint32_t *flags);
/* Replay: the part of the file of the trace, to the program's memory. */
void part_apply(uint32_t file, uint64_t addr, const struct agent_part *part);

/* --- calls.c --- */

/* The program's vectors, copied: their bytes in all, or -1 if they are too many or bad. */
int64_t gather(uint64_t iov, uint64_t n, struct agent_iovec out[MAX_REST]);

/* Make the call if that can be done without waiting; false: it is not made, or not to its end
 * (STATE->partial). `*flags` of its record. */
typedef bool (*agent_call_fn)(struct abi_call *call, uint32_t *flags);
extern const agent_call_fn agent_calls[512];

#endif
