/*
 * rr traceinfo: `struct trace_info` as a JSON object. Text that came from outside may be any bytes:
 * what is not UTF-8 becomes \udcXX (a lone surrogate), from which Python's os.fsencode() makes the
 * same bytes again.
 */
#include "cli/cli.h"
#include "cli/traces.h"

#include "abi/abi.h"

const struct option_row traceinfo_option_rows[] = {OPTIONS_END};

/* Length of the well-formed UTF-8 character at `s` (Unicode, table 3-7); 0 if it is none. */
static size_t utf8_length(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	}
	return n;
}

static void json_string(const char *text, struct buf *out)
{
	const unsigned char *s = (const unsigned char *)(text ? text : "");

	buf_addch(out, '"');
	while (*s) {
		size_t n = utf8_length(s);

		if (!n)
			buf_addf(out, "\\udc%02x", *s++);
		else if (*s == '"' || *s == '\\')
			buf_addf(out, "\\%c", *s++);
		else if (*s < 0x20 || *s == 0x7f)
			buf_addf(out, "\\u%04x", *s++);
		else {
			buf_add(out, s, n);
			s += n;
		}
	}
	buf_addch(out, '"');
}

static void field_string(const char *key, const char *value, struct buf *out)
{
	buf_addf(out, "  \"%s\": ", key);
	json_string(value, out);
	buf_addstr(out, ",\n");
}

static void field_number(const char *key, uint64_t value, struct buf *out)
{
	buf_addf(out, "  \"%s\": %llu,\n", key, (unsigned long long)value);
}

static void field_bool(const char *key, bool value, struct buf *out)
{
	buf_addf(out, "  \"%s\": %s,\n", key, value ? "true" : "false");
}

static void field_strings(const char *key, const char *const *values, struct buf *out)
{
	buf_addf(out, "  \"%s\": [", key);
	for (size_t i = 0; values && values[i]; i++) {
		buf_addstr(out, i ? ",\n    " : "\n    ");
		json_string(values[i], out);
	}
	buf_addstr(out, "\n  ],\n");
}

static void field_cpuid(const struct trace_info *info, struct buf *out)
{
	buf_addstr(out, "  \"cpuid\": [");
	for (size_t i = 0; i < info->n_cpuid; i++) {
		const struct trace_cpuid *c = &info->cpuid[i];

		buf_addf(out,
			 "%s\n    {\"leaf\": %u, \"subleaf\": %u, \"eax\": %u, \"ebx\": %u, "
			 "\"ecx\": %u, \"edx\": %u}",
			 i ? "," : "", c->leaf, c->subleaf, c->eax, c->ebx, c->ecx, c->edx);
	}
	buf_addstr(out, "\n  ]\n");
}

static void format_info(struct trace_reader *r, struct buf *out)
{
	const struct trace_info *info = trace_reader_info(r);

	buf_addstr(out, "{\n");
	field_string("directory", trace_reader_dir(r), out);
	field_string("uuid", info->uuid, out);
	field_number("format", info->format, out);
	field_string("build", info->build, out);
	field_string("arch", info->arch == ARCH_I386 ? "i386" : "x86-64", out);
	field_string("ticks", info->ticks, out);
	field_string("kernel", info->kernel, out);
	field_number("events", trace_reader_last_event(r), out);
	field_bool("incomplete", trace_reader_incomplete(r), out);
	field_number("startTimeNs", info->start_time_ns, out);
	field_number("startMonotonicNs", info->start_monotonic_ns, out);
	field_string("exe", info->exe, out);
	field_string("cwd", info->cwd, out);
	field_strings("argv", info->argv, out);
	field_strings("environ", info->envp, out);
	buf_addf(out, "  \"bindToCpu\": %d,\n", info->bound_cpu);
	field_bool("cpuidFaulting", info->cpuid_faulting, out);
	field_number("xcr0", info->xcr0, out);
	field_number("stackLimit", info->stack_limit, out);
	field_number("xsaveSize", info->xsave_size, out);
	field_cpuid(info, out);
	buf_addstr(out, "}\n");
}

int cmd_traceinfo(const struct command *cmd, char **argv)
{
	struct trace_reader *r;
	struct option_rest rest;
	struct buf out = BUF_INIT;

	command_options(cmd, NULL, OPTIONS_PERMUTE, argv, &rest);
	if (rest.n_args > 1)
		return usage_error(cmd, "one trace at a time");
	r = open_trace(rest.args[0]);
	if (!r)
		return 1;
	format_info(r, &out);
	fputs(buf_str(&out), stdout);
	buf_release(&out);
	trace_reader_close(r);
	return 0;
}
