/*
 * Options as tables. A row says what an option is called, what its argument is, where the value
 * goes, and what the help says of it; the parser and the usage texts are driven by the same rows.
 *
 * Forms: `-c5`, `-c=5`, `-c 5`, `--name=V`, `--name V`; flags may be bundled (`-lt`). Integers
 * accept 0x and 0 (octal) prefixes and are range-checked. Long names are never abbreviated. The
 * last of several wins.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/buf.h"
#include "base/types.h"

enum opt_kind {
	OPT_END,       /* ends a table */
	OPT_FLAG,      /* bool: set to true */
	OPT_INT,       /* int, min..max */
	OPT_U64,       /* uint64_t, min..max */
	OPT_STR,       /* const char *: the argument itself */
	OPT_CALL,      /* set(dest, argument) decides */
	OPT_CALL_FLAG, /* set(dest, NULL) */
	OPT_UNUSED,    /* accepted and without effect here */
	OPT_LATER,     /* refused: a later version has it */
};

struct option_row {
	enum opt_kind kind;
	char letter;	  /* 0: none */
	const char *name; /* long name, or NULL */
	const char *arg;  /* what the help calls the argument; NULL: it takes none */
	const char *help;
	size_t offset;	   /* of the value, in the struct given to options_parse() */
	uint64_t min, max; /* OPT_INT, OPT_U64; both inclusive; max 0: all that the type holds */
	/* 0, or non-zero with the reason in `why` ("is not a signal"), to which the option and its
	 * argument are prefixed. */
	int (*set)(void *dest, const char *arg, struct buf *why);
};

/* A row; further designators may follow `help`. */
#define OPTION(kind_, letter_, name_, arg_, ...)                                    \
	{                                                                           \
		.kind = OPT_##kind_, .letter = letter_, .name = name_, .arg = arg_, \
		.help = __VA_ARGS__                                                 \
	}
#define OPTIONS_END             \
	{                       \
		.kind = OPT_END \
	}

/* Designator for a row whose value is `field` of `type`. */
#define OPT_AT(type, field) .offset = offsetof(type, field)

/* Rows and the struct that they fill. */
struct option_set {
	const struct option_row *rows;
	void *dest;
};

/* What is left after the options. */
struct option_rest {
	char **args; /* not options; NULL-terminated (the caller's array, reordered) */
	int n_args;
	char **behind; /* OPTIONS_SPLIT: what follows `--`; NULL: there was no `--` */
};

enum options_mode {
	OPTIONS_STOP,	 /* the first argument that is no option ends them: args[] starts with it */
	OPTIONS_PERMUTE, /* options may follow arguments, until `--` */
	OPTIONS_SPLIT,	 /* the same, and what follows `--` is kept apart, in `behind` */
};

/*
 * Parse NULL-terminated `argv` (without the command's name) against each of `n` sets. `command` is
 * for messages ("" before a command is known). 0, or -1 after saying on stderr, in one line, what
 * is wrong.
 */
int options_parse(const char *command, const struct option_set *sets, size_t n,
		  enum options_mode mode, char **argv, struct option_rest *rest);

/* The help's lines on the rows, those refused in this version last. */
void options_describe(const struct option_row *rows, struct buf *out);

/* A whole argument as an unsigned number, with 0x and 0 prefixes: 0, -EINVAL, -ERANGE (over `max`).
 */
int parse_u64(const char *s, uint64_t max, uint64_t *out);

#endif
