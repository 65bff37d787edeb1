/*
 * Messages and the debug log. Process-wide state on purpose: there is one stderr.
 */
#include "base/log.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

bool log_any;
static bool warnings_fatal;
static char *log_spec;
static FILE *log_stream;

static void vmessage(const char *prefix, const char *fmt, va_list ap)
{
	char line[2048];
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	if (n < 0)
		line[0] = 0;
	/* Names in it may have any bytes: a message is a line, whatever they are. */
	for (char *p = line; *p; p++) {
		if (iscntrl((unsigned char)*p) && *p != '\t')
			*p = '?';
	}
	fflush(stdout);
	fprintf(stderr, "rr: %s%s\n", prefix, line);
}

void die_status(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmessage("", fmt, ap);
	va_end(ap);
	exit(status);
}

int error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmessage("", fmt, ap);
	va_end(ap);
	return -1;
}

int error_ret(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmessage("", fmt, ap);
	va_end(ap);
	return err;
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmessage("warning: ", fmt, ap);
	va_end(ap);
	if (warnings_fatal)
		exit(1);
}

void log_set_warnings_fatal(bool on)
{
	warnings_fatal = on;
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "rr: BUG at %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

/* The next TOPIC or TOPIC:LEVEL of a spec: returns its length, and where its level starts (or 0).
 */
static size_t spec_item(const char *s, size_t *topic_len)
{
	size_t len = strcspn(s, ",");
	const char *colon = memchr(s, ':', len);

	*topic_len = colon ? (size_t)(colon - s) : len;
	return len;
}

static bool level_is(const char *s, size_t len, const char *name)
{
	return strlen(name) == len && !strncmp(s, name, len);
}

int log_set_spec(const char *spec)
{
	static const char *const levels[] = {"debug", "info", "warn", "error", "fatal"};
	size_t len, topic;

	for (const char *s = spec; *s; s += len + (s[len] == ',')) {
		bool known = false;

		len = spec_item(s, &topic);
		if (topic == len)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
			known |= level_is(s + topic + 1, len - topic - 1, levels[i]);
		if (!known)
			return -EINVAL;
	}
	free(log_spec);
	log_spec = strdup(spec);
	log_any = log_spec && *log_spec;
	return 0;
}

int log_set_file(const char *path)
{
	FILE *f = fopen(path, "ae");

	if (!f)
		return -errno;
	setlinebuf(f);
	log_stream = f;
	return 0;
}

bool log_enabled(const char *file)
{
	const char *base = strrchr(file, '/');
	size_t base_len, len, topic;

	base = base ? base + 1 : file;
	base_len = strcspn(base, ".");
	for (const char *s = log_spec; *s; s += len + (s[len] == ',')) {
		len = spec_item(s, &topic);
		if (level_is(s, topic, "all") ||
		    (topic == base_len && !strncasecmp(s, base, topic)))
			return topic == len || level_is(s + topic + 1, len - topic - 1, "debug");
	}
	return false;
}

void log_write(const char *file, int line, const char *fmt, ...)
{
	FILE *out = log_stream ? log_stream : stderr;
	const char *base = strrchr(file, '/');
	va_list ap;

	fprintf(out, "[%s:%d] ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	fputc('\n', out);
}
