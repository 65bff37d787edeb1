/*
 * rr record: fills struct record_options. What the options mean is the recorder's business; here
 * they are checked for what can be known without starting anything.
 */
#include "cli/cli.h"

#include "abi/signal.h"
#include "record/record.h"
#include "ticks/ticks.h"

#include <ctype.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

struct record_command {
	struct record_options opt;
	size_t n_env;
	char trace_id[33];
	bool nested_ignore;
};

static int set_cpu_binding(void *dest, const char *arg, struct buf *why)
{
	struct record_command *rc = dest;
	cpu_set_t allowed;
	uint64_t cpu;

	if (!strcmp(arg, "any")) {
		rc->opt.unbound = true;
		rc->opt.bind_cpu = -1;
		return 0;
	}
	if (parse_u64(arg, INT32_MAX, &cpu)) {
		buf_addstr(why, "is not `any` or the number of a core");
		return -1;
	}
	if (cpu >= CPU_SETSIZE ||
	    (!sched_getaffinity(0, sizeof(allowed), &allowed) && !CPU_ISSET(cpu, &allowed))) {
		buf_addstr(why, "this process may not run on that core (see taskset -p $$)");
		return -1;
	}
	rc->opt.bind_cpu = (int)cpu;
	rc->opt.unbound = false;
	return 0;
}

static int set_unbound(void *dest, const char *arg, struct buf *why)
{
	return set_cpu_binding(dest, "any", why);
}

static int parse_signal(const char *arg, int *signo, struct buf *why)
{
	int n = signal_from_name(arg);

	if (n <= 0) {
		buf_addstr(why, "is not a signal");
		return -1;
	}
	*signo = n;
	return 0;
}

static int set_ignore_signal(void *dest, const char *arg, struct buf *why)
{
	return parse_signal(arg, &((struct record_command *)dest)->opt.ignore_signal, why);
}

static int set_continue_signal(void *dest, const char *arg, struct buf *why)
{
	return parse_signal(arg, &((struct record_command *)dest)->opt.continue_through_signal,
			    why);
}

static void append_env(struct record_command *rc, const char *name_value)
{
	rc->opt.env = xrealloc(rc->opt.env, (rc->n_env + 2) * sizeof(*rc->opt.env));
	rc->opt.env[rc->n_env++] = name_value;
	rc->opt.env[rc->n_env] = NULL;
}

static int add_env(void *dest, const char *arg, struct buf *why)
{
	if (!strchr(arg, '=') || *arg == '=') {
		buf_addstr(why, "is not NAME=VALUE");
		return -1;
	}
	append_env(dest, arg);
	return 0;
}

static int set_ticks(void *dest, const char *arg, struct buf *why)
{
	static const char *const names[] = {"soft", "pmu", "simulated"};
	struct record_command *rc = dest;

	rc->opt.ticks = NULL;
	if (!strncmp(arg, TICKS_BREAKPOINT, strlen(TICKS_BREAKPOINT)))
		rc->opt.ticks = arg;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(arg, names[i]))
			rc->opt.ticks = names[i];
	if (rc->opt.ticks || !strcmp(arg, "auto"))
		return 0;
	buf_addstr(why, "is not one of auto, soft, pmu, simulated");
	return -1;
}

static int set_nested(void *dest, const char *arg, struct buf *why)
{
	struct record_command *rc = dest;

	rc->nested_ignore = !strcmp(arg, "ignore");
	if (rc->nested_ignore || !strcmp(arg, "error"))
		return 0;
	buf_addstr(why, !strcmp(arg, "detach") || !strcmp(arg, "release")
				? "not in this version yet (error, ignore)"
				: "is not one of error, ignore, detach, release");
	return -1;
}

static int set_ignore_nested(void *dest, const char *arg, struct buf *why)
{
	return set_nested(dest, "ignore", why);
}

/* 32 hex digits, or a UUID as others write it, with dashes. */
static int set_trace_id(void *dest, const char *arg, struct buf *why)
{
	struct record_command *rc = dest;
	size_t n = 0;

	for (; *arg; arg++) {
		if (*arg == '-')
			continue;
		if (!isxdigit((unsigned char)*arg) || n == sizeof(rc->trace_id) - 1)
			break;
		rc->trace_id[n++] = (char)tolower((unsigned char)*arg);
	}
	if (*arg || n != sizeof(rc->trace_id) - 1) {
		buf_addstr(why, "is not 32 hexadecimal digits");
		return -1;
	}
	rc->trace_id[n] = 0;
	rc->opt.trace_id = rc->trace_id;
	return 0;
}

/* Up to `n` numbers of 32 bits with commas between; those left out are 0. */
static int parse_masks(const char *arg, uint32_t *mask, size_t n, struct buf *why)
{
	char *copy = xstrdup(arg), *rest = copy, *word;
	uint64_t v;
	size_t i = 0;
	int err = 0;

	memset(mask, 0, n * sizeof(*mask));
	while (!err && (word = strsep(&rest, ","))) {
		if (i == n || parse_u64(word, UINT32_MAX, &v))
			err = -1;
		else
			mask[i++] = (uint32_t)v;
	}
	free(copy);
	if (err)
		buf_addf(why, "is not %s%zu number%s of 32 bits%s", n > 1 ? "up to " : "", n,
			 n > 1 ? "s" : "", n > 1 ? ", commas between" : "");
	return err;
}

static int set_cpuid_features(void *dest, const char *arg, struct buf *why)
{
	return parse_masks(arg, &((struct record_command *)dest)->opt.disable_cpuid[0], 2, why);
}

static int set_cpuid_features_ext(void *dest, const char *arg, struct buf *why)
{
	return parse_masks(arg, &((struct record_command *)dest)->opt.disable_cpuid[2], 3, why);
}

static int set_cpuid_features_xsave(void *dest, const char *arg, struct buf *why)
{
	return parse_masks(arg, &((struct record_command *)dest)->opt.disable_cpuid[5], 1, why);
}

#define AT(field) OPT_AT(struct record_command, opt.field)

const struct option_row record_option_rows[] = {
	OPTION(STR, 'o', "output-trace-dir", "DIR",
	       "make the trace in DIR, which must not exist yet", AT(output_dir)),
	OPTION(INT, 'p', "print-trace-dir", "FD", "write the name of the trace directory to FD",
	       AT(print_trace_dir_fd)),
	OPTION(FLAG, 'w', "wait", NULL, "wait for all processes, not for the first one only",
	       AT(wait_for_all)),
	OPTION(CALL, 'v', "env", "NAME=VALUE", "set a variable in the program's environment",
	       .set = add_env),
	OPTION(CALL, 0, "ticks", "SOURCE",
	       "count progress in `soft`ware, by the CPU (`pmu`), or by steps (`simulated`, for tests); "
	       "`auto`: pmu if it works here",
	       .set = set_ticks),
	OPTION(INT, 'c', "num-cpu-ticks", "N", "most ticks in a time slice", AT(max_ticks),
	       .min = 1),
	OPTION(FLAG, 'h', "chaos", NULL, "schedule at random, to bring out races", AT(chaos)),
	OPTION(FLAG, 's', "always-switch", NULL, "switch to another task at every event",
	       AT(switch_at_every_event)),
	OPTION(CALL_FLAG, 'u', "cpu-unbound", NULL, "let the tracees run on any core",
	       .set = set_unbound),
	OPTION(CALL, 0, "bind-to-cpu", "CORE", "run the tracees on that core, or on `any`",
	       .set = set_cpu_binding),
	OPTION(INT, 0, "num-cores", "N", "number of cores that the program is told of",
	       AT(num_cores), .min = 1, .max = 1024),
	OPTION(CALL, 'i', "ignore-signal", "SIGNAL", "do not deliver SIGNAL to the tracees",
	       .set = set_ignore_signal),
	OPTION(CALL, 't', "continue-through-signal", "SIGNAL",
	       "go on after SIGNAL where it would be fatal", .set = set_continue_signal),
	OPTION(CALL, 0, "nested", "HOW",
	       "inside another recording: `error`, or `ignore` (run the program, the outer one records it)",
	       .set = set_nested),
	OPTION(CALL_FLAG, 0, "ignore-nested", NULL, "the same as --nested=ignore",
	       .set = set_ignore_nested),
	OPTION(FLAG, 0, "no-file-cloning", NULL, "copy mapped files, do not share their blocks",
	       AT(no_file_cloning)),
	OPTION(FLAG, 0, "no-read-cloning", NULL, "copy what is read of files, do not clone them",
	       AT(no_read_cloning)),
	OPTION(CALL, 0, "trace-id", "HEX", "32 hexadecimal digits that identify the trace",
	       .set = set_trace_id),
	OPTION(FLAG, 0, "unmap-vdso", NULL, "do not tell programs of the vDSO", AT(unmap_vdso)),
	OPTION(FLAG, 0, "disable-avx-512", NULL, "hide AVX-512 from the program",
	       AT(disable_avx512)),
	OPTION(CALL, 0, "disable-cpuid-features", "CCC,DDD", "bits to clear in CPUID 1: ecx, edx",
	       .set = set_cpuid_features),
	OPTION(CALL, 0, "disable-cpuid-features-ext", "BBB,CCC,DDD",
	       "bits to clear in CPUID 7: ebx, ecx, edx", .set = set_cpuid_features_ext),
	OPTION(CALL, 0, "disable-cpuid-features-xsave", "AAA", "bits to clear in CPUID 0xD/1: eax",
	       .set = set_cpuid_features_xsave),
	OPTION(FLAG, 'n', "no-syscall-buffer", NULL, "let every system call stop for the recorder",
	       AT(no_buffer)),
	OPTION(INT, 0, "syscall-buffer-size", "KIB", "size of the buffer (2048; more is not used)",
	       AT(buffer_kib), .min = 4),
	OPTION(UNUSED, 'b', "force-syscall-buffer", NULL,
	       "accepted: calls are buffered but with -n"),
	OPTION(UNUSED, 0, "asan", NULL, "accepted: AddressSanitizer needs nothing of us"),
	OPTION(UNUSED, 0, "tsan", NULL, "accepted: ThreadSanitizer needs nothing of us"),
	OPTION(UNUSED, 0, "scarce-fds", NULL,
	       "accepted: rr keeps no file descriptors in the tracees"),
	OPTION(LATER, 0, "setuid-sudo", NULL, "record set-user-ID programs through sudo"),
	OPTIONS_END,
};

#undef AT

/* Inside a recording the program is run as it is: the outer rr records it. Returns only on failure.
 */
static int run_unrecorded(char **argv)
{
	execvp(argv[0], argv);
	error("%s: %s", argv[0], strerror(errno));
	return RECORD_STATUS_NOT_STARTED;
}

int cmd_record(const struct command *cmd, char **argv)
{
	struct record_command rc = {.n_env = 0};
	struct option_rest rest;
	int status, fatal_signal = 0;

	record_options_init(&rc.opt);
	command_options(cmd, &rc, OPTIONS_STOP, argv, &rest);
	if (!rest.n_args)
		return usage_error(cmd, "which program?");
	if (getenv("RUNNING_UNDER_RR")) {
		if (rc.nested_ignore)
			return run_unrecorded(rest.args);
		return error("record: this runs inside a recording already: use --nested=ignore to "
			     "let that one record %s",
			     rest.args[0]),
		       1;
	}
	if (rc.opt.print_trace_dir_fd >= 0 && fcntl(rc.opt.print_trace_dir_fd, F_GETFD) < 0)
		return error("record: -p %d: no such descriptor is open (as by %d>FILE)",
			     rc.opt.print_trace_dir_fd, rc.opt.print_trace_dir_fd),
		       1;
	rc.opt.disable_cpuid_faulting = globals.disable_cpuid_faulting;
	rc.opt.checksum = globals.checksum;
	rc.opt.mark_stdio = globals.mark_stdio;
	status = record_program(&rc.opt, rest.args, &fatal_signal);
	free(rc.opt.env);
	if (fatal_signal)
		die_by_signal(fatal_signal);
	return status;
}
