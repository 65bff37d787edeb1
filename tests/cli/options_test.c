/*
 * The option parser against a table of rows of every kind: each case is a command line, and what
 * must come out of it, as text. Errors go to stderr and are only counted here; usage.sh looks at
 * their words.
 */
#include "cli/options.h"

#include "base/log.h"

struct opts {
	bool flag, other;
	int number, small;
	uint64_t big;
	const char *text;
	char calls[64];
};

static int add_call(void *dest, const char *arg, struct buf *why)
{
	struct opts *o = dest;
	size_t n = strlen(o->calls);

	if (arg && !strcmp(arg, "bad")) {
		buf_addstr(why, "is bad");
		return -1;
	}
	snprintf(o->calls + n, sizeof(o->calls) - n, "<%s>", arg ? arg : "");
	return 0;
}

static const struct option_row rows[] = {
	OPTION(FLAG, 'f', "flag", NULL, "", OPT_AT(struct opts, flag)),
	OPTION(INT, 'c', "number", "N", "", OPT_AT(struct opts, number)),
	OPTION(INT, 0, "small", "N", "", OPT_AT(struct opts, small), .min = 1, .max = 9),
	OPTION(U64, 'b', "big", "N", "", OPT_AT(struct opts, big)),
	OPTION(STR, 'o', "text", "S", "", OPT_AT(struct opts, text)),
	OPTION(CALL, 'v', "call", "S", "", .set = add_call),
	OPTION(CALL_FLAG, 'x', "call-flag", NULL, "", .set = add_call),
	OPTION(UNUSED, 'n', "unused", NULL, ""),
	OPTION(UNUSED, 'u', "unused-arg", "S", ""),
	OPTION(LATER, 'h', "later", "S", "what is to come"),
	OPTIONS_END,
};

static const struct option_row more_rows[] = {
	OPTION(FLAG, 'F', "other", NULL, "", OPT_AT(struct opts, other)),
	OPTIONS_END,
};

static const struct {
	const char *line; /* words, a blank between; `_` is an empty word */
	enum options_mode mode;
	const char *want; /* "error", or what outcome() says */
} cases[] = {
	{"", OPTIONS_STOP, ""},
	{"-c5", OPTIONS_STOP, "number=5"},
	{"-c=5", OPTIONS_STOP, "number=5"},
	{"-c 5", OPTIONS_STOP, "number=5"},
	{"--number=5", OPTIONS_STOP, "number=5"},
	{"--number 5", OPTIONS_STOP, "number=5"},
	{"-c0x1F", OPTIONS_STOP, "number=31"},
	{"-c=0x1f", OPTIONS_STOP, "number=31"},
	{"-c 1 -c 2", OPTIONS_STOP, "number=2"},
	{"-c", OPTIONS_STOP, "error"},
	{"--number", OPTIONS_STOP, "error"},
	{"-c=", OPTIONS_STOP, "error"},
	{"-c x", OPTIONS_STOP, "error"},
	{"-c 5x", OPTIONS_STOP, "error"},
	{"-c -5", OPTIONS_STOP, "error"},
	{"-c +5", OPTIONS_STOP, "error"},
	{"-c _", OPTIONS_STOP, "error"},
	{"-c 2147483647", OPTIONS_STOP, "number=2147483647"},
	{"-c 2147483648", OPTIONS_STOP, "error"},
	{"-c 99999999999999999999", OPTIONS_STOP, "error"},
	{"-b 0xffffffffffffffff", OPTIONS_STOP, "big=18446744073709551615"},
	{"-b 0x10000000000000000", OPTIONS_STOP, "error"},
	{"--small 1", OPTIONS_STOP, "small=1"},
	{"--small=9", OPTIONS_STOP, "small=9"},
	{"--small 0", OPTIONS_STOP, "error"},
	{"--small 10", OPTIONS_STOP, "error"},
	{"-o dir", OPTIONS_STOP, "text=dir"},
	{"-odir", OPTIONS_STOP, "text=dir"},
	{"-o=dir", OPTIONS_STOP, "text=dir"},
	{"-o=a=b", OPTIONS_STOP, "text=a=b"},
	{"--text=", OPTIONS_STOP, "text="},
	{"--text --flag", OPTIONS_STOP, "text=--flag"},
	{"-v A=1 -vB=2 -v=C=3 --call D=4 --call=E=5", OPTIONS_STOP,
	 "calls=<A=1><B=2><C=3><D=4><E=5>"},
	{"-v bad", OPTIONS_STOP, "error"},
	{"-x --call-flag", OPTIONS_STOP, "calls=<><>"},
	{"-f", OPTIONS_STOP, "flag"},
	{"-fF", OPTIONS_STOP, "flag other"},
	{"-fc5", OPTIONS_STOP, "flag number=5"},
	{"-fc 5", OPTIONS_STOP, "flag number=5"},
	{"-f=1", OPTIONS_STOP, "error"},
	{"--flag=1", OPTIONS_STOP, "error"},
	{"--flag= x", OPTIONS_STOP, "error"},
	{"--fla", OPTIONS_STOP, "error"},
	{"--flagg", OPTIONS_STOP, "error"},
	{"--", OPTIONS_STOP, ""},
	{"---", OPTIONS_STOP, "error"},
	{"-z", OPTIONS_STOP, "error"},
	{"-fz", OPTIONS_STOP, "error"},
	{"-n -u x --unused --unused-arg=y", OPTIONS_STOP, ""},
	{"-h", OPTIONS_STOP, "error"},
	{"-hx", OPTIONS_STOP, "error"},
	{"--later=x", OPTIONS_STOP, "error"},
	{"-d", OPTIONS_STOP, "error"},
	{"--other -f", OPTIONS_STOP, "flag other"},
	{"prog -c5 --nonsense", OPTIONS_STOP, "[prog][-c5][--nonsense]"},
	{"-f prog -F", OPTIONS_STOP, "flag [prog][-F]"},
	{"-f -- -F prog", OPTIONS_STOP, "flag [-F][prog]"},
	{"-f - -F", OPTIONS_STOP, "flag [-][-F]"},
	{"_ -F", OPTIONS_STOP, "[][-F]"},
	{"prog -- -F", OPTIONS_STOP, "[prog][--][-F]"},
	{"a -f b -c 5 c", OPTIONS_PERMUTE, "flag number=5 [a][b][c]"},
	{"a -f -- -F b", OPTIONS_PERMUTE, "flag [a][-F][b]"},
	{"a -- --", OPTIONS_PERMUTE, "[a][--]"},
	{"a --nonsense", OPTIONS_PERMUTE, "error"},
	{"a -f -- -F b", OPTIONS_SPLIT, "flag [a] behind [-F][b]"},
	{"-f --", OPTIONS_SPLIT, "flag behind "},
	{"-f a", OPTIONS_SPLIT, "flag [a]"},
};

static size_t split(char *line, char **argv)
{
	size_t n = 0;

	for (char *w = strtok(line, " "); w; w = strtok(NULL, " "))
		argv[n++] = strcmp(w, "_") ? w : w + 1;
	argv[n] = NULL;
	return n;
}

static void outcome(const struct opts *o, const struct option_rest *rest, struct buf *out)
{
	if (o->flag)
		buf_addstr(out, "flag ");
	if (o->other)
		buf_addstr(out, "other ");
	if (o->number)
		buf_addf(out, "number=%d ", o->number);
	if (o->small)
		buf_addf(out, "small=%d ", o->small);
	if (o->big)
		buf_addf(out, "big=%llu ", (unsigned long long)o->big);
	if (o->text)
		buf_addf(out, "text=%s ", o->text);
	if (*o->calls)
		buf_addf(out, "calls=%s ", o->calls);
	for (int i = 0; i < rest->n_args; i++)
		buf_addf(out, "[%s]", rest->args[i]);
	if (rest->args[rest->n_args])
		buf_addstr(out, "not terminated");
	if (rest->behind)
		buf_addf(out, "%sbehind ", rest->n_args ? " " : "");
	for (char **a = rest->behind; a && *a; a++)
		buf_addf(out, "[%s]", *a);
	while (out->len && out->data[out->len - 1] == ' ' && !rest->behind)
		out->data[--out->len] = 0;
}

static bool run_case(size_t i)
{
	struct opts o = {.flag = false};
	const struct option_set sets[] = {{rows, &o}, {more_rows, &o}};
	char *line = xstrdup(cases[i].line), *argv[16];
	struct option_rest rest;
	struct buf got = BUF_INIT;
	bool ok;

	split(line, argv);
	if (options_parse("test", sets, ARRAY_SIZE(sets), cases[i].mode, argv, &rest))
		buf_addstr(&got, "error");
	else
		outcome(&o, &rest, &got);
	ok = !strcmp(buf_str(&got), cases[i].want);
	if (!ok)
		printf("'%s': want '%s', got '%s'\n", cases[i].line, cases[i].want, buf_str(&got));
	buf_release(&got);
	free(line);
	return ok;
}

int main(void)
{
	size_t failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		failed += !run_case(i);
	printf("%zu cases, %zu failed\n", ARRAY_SIZE(cases), failed);
	return failed ? 1 : 0;
}
