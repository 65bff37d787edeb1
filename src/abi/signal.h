/*
 * Signals as data (signals.def): name, number, what the kernel does by default, and whether the CPU
 * raises it at an instruction (then, and only then, it may be synchronous).
 */
#ifndef ABI_SIGNAL_H
#define ABI_SIGNAL_H

#include "abi/abi.h"

#include <signal.h>

enum signal_default {
	SIG_DEFAULT_TERM,
	SIG_DEFAULT_CORE,
	SIG_DEFAULT_IGNORE,
	SIG_DEFAULT_STOP,
	SIG_DEFAULT_CONT,
};

/* "SIGSEGV", "SIGRTMIN+3" ("SIG?99" if there is no such signal), in a static buffer for the latter
 * two. */
const char *signal_name(int signo);
/* The number for "SIGSEGV", "SEGV" or "11"; -EINVAL. */
int signal_from_name(const char *name);
enum signal_default signal_default_action(int signo);
/* Whether the signal was raised by the instruction that the task executes (a fault, trap, or
 * seccomp's SIGSYS), and so will be raised again by replaying it. */
bool signal_is_synchronous(const siginfo_t *si);
/* "SEGV_MAPERR", "SI_USER", ...; a number in a static buffer otherwise. */
const char *signal_code_name(const siginfo_t *si);

#endif
