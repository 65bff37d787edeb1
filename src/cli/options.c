/*
 * The option parser. It knows nothing of any command: rows decide. Errors are said here, once, in
 * one line, so that callers only propagate failure.
 */
#include "cli/options.h"

#include "base/log.h"

#include <ctype.h>
#include <limits.h>

struct parser {
	const char *command;
	const struct option_set *sets;
	size_t n_sets;
	char **next; /* the next argument to look at */
};

int parse_u64(const char *s, uint64_t max, uint64_t *out)
{
	unsigned long long v;
	char *end;

	/* strtoull() would skip blanks and negate. */
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 0);
	if (*end)
		return -EINVAL;
	if (errno || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

/* Say `rr: COMMAND: MESSAGE`. Returns -1. */
__attribute__((format(printf, 2, 3))) static int complain(const struct parser *p, const char *fmt,
							  ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (*p->command)
		buf_addf(&b, "%s: ", p->command);
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	error("%s", buf_str(&b));
	buf_release(&b);
	return -1;
}

static int complain_unknown(const struct parser *p, const char *option)
{
	return complain(p, "unknown option '%s' (see 'rr help%s%s')", option,
			*p->command ? " " : "", p->command);
}

static const struct option_row *find_letter(const struct parser *p, char letter, void **dest)
{
	for (size_t i = 0; i < p->n_sets; i++) {
		for (const struct option_row *o = p->sets[i].rows; o->kind != OPT_END; o++) {
			if (o->letter == letter) {
				*dest = p->sets[i].dest;
				return o;
			}
		}
	}
	return NULL;
}

static const struct option_row *find_name(const struct parser *p, const char *name, size_t len,
					  void **dest)
{
	for (size_t i = 0; i < p->n_sets; i++) {
		for (const struct option_row *o = p->sets[i].rows; o->kind != OPT_END; o++) {
			if (o->name && strlen(o->name) == len && !strncmp(o->name, name, len)) {
				*dest = p->sets[i].dest;
				return o;
			}
		}
	}
	return NULL;
}

static int set_number(const struct parser *p, const struct option_row *o, void *field,
		      const char *shown, const char *arg)
{
	uint64_t max = o->max ? o->max : o->kind == OPT_INT ? INT_MAX : UINT64_MAX;
	uint64_t v = 0;
	int err = parse_u64(arg, max, &v);

	if (err == -EINVAL)
		return complain(p, "%s '%s': a number is wanted", shown, arg);
	if (err || v < o->min)
		return complain(p, "%s %s: must be from %llu to %llu", shown, arg,
				(unsigned long long)o->min, (unsigned long long)max);
	if (o->kind == OPT_INT)
		*(int *)field = (int)v;
	else
		*(uint64_t *)field = v;
	return 0;
}

static int set_by_call(const struct parser *p, const struct option_row *o, void *dest,
		       const char *shown, const char *arg)
{
	struct buf why = BUF_INIT;
	int ret = 0;

	if (o->set(dest, arg, &why))
		ret = complain(p, "%s%s%s%s: %s", shown, arg ? " '" : "", arg ? arg : "",
			       arg ? "'" : "", buf_str(&why));
	buf_release(&why);
	return ret;
}

/* Apply one option; `shown` is its name as the user wrote it. */
static int apply(const struct parser *p, const struct option_row *o, void *dest, const char *shown,
		 const char *arg)
{
	void *field = (char *)dest + o->offset;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_INT:
	case OPT_U64:
		return set_number(p, o, field, shown, arg);
	case OPT_STR:
		*(const char **)field = arg;
		return 0;
	case OPT_CALL:
	case OPT_CALL_FLAG:
		return set_by_call(p, o, dest, shown, arg);
	case OPT_UNUSED:
		return 0;
	case OPT_LATER:
		return complain(p, "%s (%s) is not in this version yet", shown, o->help);
	case OPT_END:
		break;
	}
	BUG("option %s of no kind", shown);
}

/* The argument of an option that has none attached: the next word. */
static char *take_next(struct parser *p, const struct option_row *o, const char *shown)
{
	if (!*p->next) {
		complain(p, "%s needs an argument (%s)", shown, o->arg);
		return NULL;
	}
	return *p->next++;
}

/*
 * A refused option is refused before its argument is looked for: the message about the missing
 * argument would send the user the wrong way.
 */
static bool is_refused(const struct option_row *o)
{
	return o->kind == OPT_LATER;
}

static int parse_long(struct parser *p, char *word)
{
	char *name = word + 2, *value = strchr(name, '=');
	size_t len = value ? (size_t)(value - name) : strlen(name);
	const struct option_row *o;
	struct buf shown = BUF_INIT;
	void *dest = NULL;
	int ret = -1;

	buf_add(&shown, word, len + 2);
	o = find_name(p, name, len, &dest);
	if (!o)
		ret = complain_unknown(p, buf_str(&shown));
	else if (is_refused(o))
		ret = apply(p, o, dest, buf_str(&shown), NULL);
	else if (!o->arg && value)
		ret = complain(p, "%s takes no argument", buf_str(&shown));
	else if (!o->arg)
		ret = apply(p, o, dest, buf_str(&shown), NULL);
	else if ((value = value ? value + 1 : take_next(p, o, buf_str(&shown))))
		ret = apply(p, o, dest, buf_str(&shown), value);
	buf_release(&shown);
	return ret;
}

/* A word of short options: flags, the last of which may be an option with its argument. */
static int parse_short(struct parser *p, char *word)
{
	for (char *s = word + 1; *s; s++) {
		char shown[3] = {'-', *s, 0};
		const struct option_row *o;
		void *dest = NULL;
		char *value;

		o = find_letter(p, *s, &dest);
		if (!o)
			return complain_unknown(p, isprint((unsigned char)*s) ? shown : word);
		if (!o->arg || is_refused(o)) {
			if (s[1] == '=' && !is_refused(o))
				return complain(p, "%s takes no argument", shown);
			if (apply(p, o, dest, shown, NULL))
				return -1;
			continue;
		}
		value = s + 1;
		if (*value == '=')
			value++;
		else if (!*value)
			value = take_next(p, o, shown);
		return value ? apply(p, o, dest, shown, value) : -1;
	}
	return 0;
}

int options_parse(const char *command, const struct option_set *sets, size_t n,
		  enum options_mode mode, char **argv, struct option_rest *rest)
{
	struct parser p = {.command = command, .sets = sets, .n_sets = n, .next = argv};

	rest->args = argv;
	rest->n_args = 0;
	rest->behind = NULL;
	while (*p.next) {
		char *word = *p.next++;
		int err;

		if (!strcmp(word, "--")) {
			if (mode == OPTIONS_SPLIT)
				rest->behind = p.next;
			break;
		}
		if (word[0] != '-' || !word[1]) {
			if (mode == OPTIONS_STOP) {
				p.next--;
				break;
			}
			/* Never overtakes p.next: every word yields at most one. */
			rest->args[rest->n_args++] = word;
			continue;
		}
		err = word[1] == '-' ? parse_long(&p, word) : parse_short(&p, word);
		if (err)
			return err;
	}
	if (mode == OPTIONS_STOP)
		rest->args = p.next;
	while (!rest->behind && *p.next)
		rest->args[rest->n_args++] = *p.next++;
	/* Where something is behind `--`, that word has left room for the NULL. */
	rest->args[rest->n_args] = NULL;
	return 0;
}

/* `  -c, --num-cpu-ticks=N`, as wide as it is. */
static void describe_names(const struct option_row *o, struct buf *out)
{
	if (o->letter)
		buf_addf(out, "  -%c", o->letter);
	else
		buf_addstr(out, "    ");
	if (o->name)
		buf_addf(out, "%s --%s", o->letter ? "," : " ", o->name);
	if (o->arg)
		buf_addf(out, "%s%s", o->name ? "=" : " ", o->arg);
}

/* `text` from column `column` on, wrapped before column 80. */
static void add_wrapped(const char *text, size_t column, struct buf *out)
{
	size_t at = column;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (at > column && at + 1 + word > 79) {
			buf_addf(out, "\n%*s", (int)column, "");
			at = column;
		} else if (at > column) {
			buf_addch(out, ' ');
			at++;
		}
		buf_add(out, text, word);
		at += word;
		text += word;
		text += strspn(text, " ");
	}
	buf_addch(out, '\n');
}

static void describe_row(const struct option_row *o, struct buf *out)
{
	const size_t column = 30;
	struct buf names = BUF_INIT;

	describe_names(o, &names);
	buf_addstr(out, buf_str(&names));
	if (names.len + 2 > column)
		buf_addf(out, "\n%*s", (int)column, "");
	else
		buf_addf(out, "%*s", (int)(column - names.len), "");
	buf_release(&names);
	add_wrapped(o->help, column, out);
}

void options_describe(const struct option_row *rows, struct buf *out)
{
	bool refused = false;

	for (const struct option_row *o = rows; o->kind != OPT_END; o++) {
		refused |= is_refused(o);
		if (!is_refused(o))
			describe_row(o, out);
	}
	if (!refused)
		return;
	buf_addstr(out, "Not in this version yet, and refused:\n");
	for (const struct option_row *o = rows; o->kind != OPT_END; o++) {
		if (is_refused(o))
			describe_row(o, out);
	}
}
