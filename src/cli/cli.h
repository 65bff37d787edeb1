/*
 * What the commands share: their table, the global options, and the ways in which rr ends.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/buf.h"
#include "base/log.h"
#include "cli/options.h"

struct command {
	const char *name;
	int (*run)(const struct command *cmd, char **argv); /* returns the exit status */
	const struct option_row *options;
	const char *args;    /* of the usage line */
	const char *summary; /* one line */
	const char *notes;   /* further paragraphs of its help, or "" */
};

/* commands.def as an array; `*count` entries. */
const struct command *command_table(size_t *count);
const struct command *command_find(const char *name);

/* Options that every command has, before its name or after it. */
struct global_options {
	bool mark_stdio;
	bool force;
	bool non_interactive;
	bool disable_cpuid_faulting;
	bool list_commands;
	bool version;
	bool help;
	int checksum; /* as in struct record_options */
};

extern struct global_options globals;
extern const struct option_row global_option_rows[];

/*
 * Parse a command's arguments, with the global options among them. Exits (1) on an error, and (0)
 * after answering --help, --version or --list-commands.
 */
void command_options(const struct command *cmd, void *dest, enum options_mode mode, char **argv,
		     struct option_rest *rest);
/* Answer --help, -N, -L if any was given (cmd: whose help; NULL: the general one): whether so. */
bool answer_informative(const struct command *cmd);

/* Say `rr: COMMAND: MESSAGE; usage: ...`. Returns 1, an exit status. */
int usage_error(const struct command *cmd, const char *message);

/* Refuse arguments where a command takes none. */
void no_arguments(const struct command *cmd, const struct option_rest *rest);

void command_help(const struct command *cmd, struct buf *out);
void general_help(struct buf *out);
void list_commands(struct buf *out);

/* Die of the signal that the tracee died of, without a core of ours; falls back to 128 + signo. */
_Noreturn void die_by_signal(int signo);

#define RR_NAME "rr"
#ifndef RR_VERSION
#define RR_VERSION "0.1.0"
#endif

#define COMMAND(name, args, summary, notes)                     \
	int cmd_##name(const struct command *cmd, char **argv); \
	extern const struct option_row name##_option_rows[];
#include "cli/commands.def"
#undef COMMAND

#endif
