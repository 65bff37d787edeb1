/*
 * A program made of actions in an order that a seed chooses, by several threads and the processes
 * that they make. Each action is valid whatever the others do at the time: it waits for nothing
 * that may not come, handles EINTR, and leaves nothing behind. What it saw goes into a hash.
 */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include "../check.h"

#include <pthread.h>
#include <setjmp.h>

#define MAX_DEPTH 2 /* of tasks that actions make, which make tasks */
#define N_PEERS	  3

/* Who acts: a thread, with its own numbers at random. */
struct actor {
	uint64_t random, hash;
	unsigned int depth;
};

/* A number below n. */
unsigned int below(struct actor *a, unsigned int n);
/* True once in n times. */
bool once_in(struct actor *a, unsigned int n);
/* Less than a moment, mostly: what a wait may take. */
struct timespec brief(struct actor *a);
/* The same as a point in time, of the clock that pthread's waits use. */
struct timespec brief_until(struct actor *a);
/* Put what was seen into the hash; a result of -1 with its errno. */
void saw(struct actor *a, uint64_t x);
void saw_bytes(struct actor *a, const void *p, size_t n);
void saw_result(struct actor *a, int64_t ret);
/* Compute for so many rounds. */
void work(struct actor *a, unsigned int rounds);
/* Do so many actions. */
void act(struct actor *a, unsigned int steps);
/* The next one, a process or thread deeper. */
struct actor deeper(struct actor *a);
/* A process that an action makes: a few actions, then _exit() with a status below 64. */
_Noreturn void act_and_exit(struct actor *a, unsigned int steps);
/* Arguments with which this program, executed again, does a few actions. */
struct again {
	char seed[24], steps[12], depth[12];
	char *argv[6];
};
void again_init(struct again *g, struct actor *a, unsigned int steps);

/* The threads that live as long as their process, of which there is one where they began. */
extern pthread_t peers[N_PEERS];
extern _Atomic int n_peers;

/* Shared by all threads, without protection. */
extern volatile uint64_t racy;
/* How often a handler ran. */
extern _Atomic unsigned int n_handled;

/* Handlers for all signals that actions send; each thread needs a stack for some of them. */
void install_handlers(unsigned int seed);
void use_signal_stack(void);
/* A signal that may be sent to anybody. */
int harmless_signal(struct actor *a);

/* How the thread's next fault is answered. */
struct fault {
	enum fault_answer { FAULT_JUMP, FAULT_UNPROTECT, FAULT_SKIP } answer;
	sigjmp_buf jump;
	unsigned int skip; /* bytes of code */
	void *page;
};
extern _Thread_local struct fault *volatile expected_fault;

#define ACTION(name, where) void act_##name(struct actor *a);
#include "actions.def"
#undef ACTION

#endif
