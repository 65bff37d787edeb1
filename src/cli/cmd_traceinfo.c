/*
 * rr traceinfo: `struct trace_info` as a JSON object.
 */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/traces.h"

#include "abi/abi.h"

const struct option_row traceinfo_option_rows[] = {OPTIONS_END};

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
	size_t n = 0;

	while (values && values[n])
		n++;
	json_strings(key, values, n, false, out);
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
	struct trace_reader *r = open_only_trace(cmd, NULL, argv);
	struct buf out = BUF_INIT;

	if (!r)
		return 1;
	format_info(r, &out);
	fputs(buf_str(&out), stdout);
	buf_release(&out);
	trace_reader_close(r);
	return 0;
}
