/*
 * Messages to the user and to the developer. All go to stderr (or RR_LOG_FILE for the debug log), a
 * line each, prefixed "rr: ".
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/types.h"

#include <errno.h>

/* Print "rr: MESSAGE" and exit with `status`. Only for cli/ and the top loops. */
_Noreturn void die_status(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define die(...) die_status(1, __VA_ARGS__)

/* Print "rr: MESSAGE"; returns -1, so that `return error(...)` reads well. */
int error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Print "rr: MESSAGE" and return `err` (a -errno) unchanged: `return error_ret(-EIO, ...)`. */
int error_ret(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print "rr: warning: MESSAGE"; dies instead if warnings were made fatal (-E). */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_set_warnings_fatal(bool on);

/* A mistake of ours: print file, line and message, and abort(). */
_Noreturn void bug_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
#define BUG_ON(cond)                               \
	do {                                       \
		if (__builtin_expect(!!(cond), 0)) \
			BUG("%s", #cond);          \
	} while (0)

/*
 * The debug log, off unless asked for. SPEC is a comma-separated list of TOPIC or TOPIC:LEVEL,
 * "all" being every topic (--log, RR_LOG). A topic is the name of a source file without its suffix.
 * Returns -EINVAL for a level that is not one.
 */
int log_set_spec(const char *spec);
int log_set_file(const char *path); /* RR_LOG_FILE; -errno */

extern bool log_any; /* false: nothing is logged; tested inline, before anything else is done */
bool log_enabled(const char *file);
void log_write(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define log_debug(...)                                                     \
	do {                                                               \
		if (__builtin_expect(log_any, 0) && log_enabled(__FILE__)) \
			log_write(__FILE__, __LINE__, __VA_ARGS__);        \
	} while (0)

#endif
