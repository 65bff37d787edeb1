/*
 * Recording: run a tree of processes once and save its nondeterministic inputs.
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include "base/types.h"

#define CHECKSUM_ON_SYSCALLS	  (-1)
#define CHECKSUM_ON_ALL_EVENTS	  (-2)

#define RECORD_STATUS_NOT_STARTED 69 /* EX_UNAVAILABLE, as users know it */

/* The options of `rr record`; record_options_init() sets the defaults. */
struct record_options {
	const char *output_dir;	     /* -o; NULL: a new directory in the root */
	int print_trace_dir_fd;	     /* -p; -1: none */
	bool wait_for_all;	     /* -w */
	int bind_cpu;		     /* --bind-to-cpu=N; -1: choose one */
	bool unbound;		     /* -u, --bind-to-cpu=any */
	int num_cores;		     /* --num-cores; 0: as the machine */
	bool switch_at_every_event;  /* -s */
	const char *ticks;	     /* --ticks: soft, pmu, simulated; NULL: pmu if it can be */
	int max_ticks;		     /* -c; ticks in a slice, 0: by time */
	bool chaos;		     /* -h: schedule at random */
	int ignore_signal;	     /* -i; 0: none */
	int continue_through_signal; /* -t; 0: none */
	const char **env;	     /* -v K=V ..., NULL-terminated; may be NULL */
	bool no_buffer;		     /* -n: every system call is traced */
	int buffer_kib;		     /* --syscall-buffer-size; 0: all that there is */
	bool no_file_cloning;
	bool no_read_cloning;
	bool unmap_vdso;      /* --unmap-vdso: programs are not told of it */
	const char *trace_id; /* --trace-id; NULL: random */
	bool disable_cpuid_faulting;
	bool disable_avx512;
	uint32_t disable_cpuid[8]; /* bits to clear: --disable-cpuid-features CCC,DDD (leaf 1 ecx,
				    * edx), -ext BBB,CCC,DDD (leaf 7 ebx, ecx, edx), -xsave AAA
				    * (leaf 13.1 eax); in that order */
	int checksum;	 /* -C: 0 off, -1 on syscalls, -2 on all events, N > 0 from event N on */
	bool mark_stdio; /* -M */
};

void record_options_init(struct record_options *opt);

/*
 * Record `argv` (NULL-terminated). Returns the exit status for the process to have; if
 * `*fatal_signal` is set, the tracee died of that signal and the caller should too.
 */
int record_program(const struct record_options *opt, char *const *argv, int *fatal_signal);

#endif
