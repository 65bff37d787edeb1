/*
 * Whether standard input is one JSON value (RFC 8259) and nothing else; if not, says where it stops
 * being so.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static char text[1 << 22];
static const char *at = text;
static int depth;

static bool value(void);

static void blanks(void)
{
	while (*at && strchr(" \t\r\n", *at))
		at++;
}

static bool take(char c)
{
	if (*at != c)
		return false;
	at++;
	return true;
}

static bool string(void)
{
	if (!take('"'))
		return false;
	for (; *at && *at != '"'; at++) {
		if ((unsigned char)*at < 0x20)
			return false;
		if (*at != '\\')
			continue;
		at++;
		if (*at == 'u') {
			for (int i = 0; i < 4; i++) {
				if (!isxdigit((unsigned char)*++at))
					return false;
			}
		} else if (!*at || !strchr("\"\\/bfnrt", *at)) {
			return false;
		}
	}
	return take('"');
}

static bool digits(void)
{
	if (!isdigit((unsigned char)*at))
		return false;
	while (isdigit((unsigned char)*at))
		at++;
	return true;
}

static bool number(void)
{
	take('-');
	if (!take('0') && !digits())
		return false;
	if (take('.') && !digits())
		return false;
	if (*at == 'e' || *at == 'E') {
		at++;
		if (!take('+'))
			take('-');
		return digits();
	}
	return true;
}

static bool member(bool object)
{
	blanks();
	if (object) {
		if (!string())
			return false;
		blanks();
		if (!take(':'))
			return false;
	}
	return value();
}

static bool list(bool object, char close)
{
	at++;
	blanks();
	if (take(close))
		return true;
	do {
		if (!member(object))
			return false;
		blanks();
	} while (take(','));
	return take(close);
}

static bool word(const char *w)
{
	size_t n = strlen(w);

	if (strncmp(at, w, n))
		return false;
	at += n;
	return true;
}

static bool value(void)
{
	bool ok;

	blanks();
	if (++depth > 100)
		return false;
	if (*at == '{')
		ok = list(true, '}');
	else if (*at == '[')
		ok = list(false, ']');
	else if (*at == '"')
		ok = string();
	else
		ok = word("true") || word("false") || word("null") || number();
	depth--;
	return ok;
}

int main(void)
{
	size_t n = fread(text, 1, sizeof(text) - 1, stdin);
	bool ok;

	text[n] = 0;
	ok = value();
	blanks();
	if (ok && at == text + n)
		return 0;
	fprintf(stderr, "not JSON from byte %zd on: %.40s\n", at - text, at);
	return 1;
}
