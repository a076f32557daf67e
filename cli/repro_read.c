/* repro_read.c - the members of a JSON object, as far as repro folders need it.
 *
 * Whatever stands in the file is checked to be JSON, to a depth of MAX_DEPTH; kept are the
 * members of the outermost object. Objects and lists within are skipped.
 */
#include "cli/repro.h"

enum { MAX_DEPTH = 32 };

typedef struct reader {
	const char *p, *end;
	ox_arena *a;
	int depth;
} reader;

static void skip_space(reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

static bool take(reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* Four hexadecimal digits; -1: they are not. */
static int32_t hex4(const reader *r, const char *p)
{
	int32_t x = 0;

	for (int i = 0; i < 4; i++) {
		const char c = p + i < r->end ? p[i] : 0;
		const int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (d < 0)
			return -1;
		x = x * 16 + d;
	}
	return x;
}

static size_t put_letter(char *to, uint32_t cp)
{
	if (cp < 0x80) {
		*to = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		to[0] = (char)(0xc0 | cp >> 6);
		to[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	to[0] = (char)(0xe0 | cp >> 12);
	to[1] = (char)(0x80 | (cp >> 6 & 0x3f));
	to[2] = (char)(0x80 | (cp & 0x3f));
	return 3;
}

/* Halves of pairs are kept as they are: what we write has none. */
static bool escape(reader *r, char *to, size_t *n)
{
	static const char from[] = "\"\\/bfnrt", is[] = "\"\\/\b\f\n\r\t";
	const char *k = r->p < r->end && *r->p ? strchr(from, *r->p) : NULL;

	if (k) {
		to[(*n)++] = is[k - from];
		r->p++;
		return true;
	}
	const int32_t cp = r->p < r->end && *r->p == 'u' ? hex4(r, r->p + 1) : -1;
	if (cp < 0)
		return false;
	*n += put_letter(to + *n, (uint32_t)cp);
	r->p += 5;
	return true;
}

static bool string(reader *r, ox_str *out)
{
	if (!take(r, '"'))
		return false;
	const char *q = r->p;
	while (q < r->end && *q != '"')
		q += *q == '\\' && q + 1 < r->end ? 2 : 1;
	char *to = ox_alloc(r->a, (size_t)(q - r->p) + 4);
	size_t n = 0;
	while (r->p < r->end && *r->p != '"') {
		const char c = *r->p++;
		if ((unsigned char)c < 0x20 || (c == '\\' && !escape(r, to, &n)))
			return false;
		if (c != '\\')
			to[n++] = c;
	}
	*out = (ox_str){to, n};
	return take(r, '"');
}

/* A number, true, false, null: as written. */
static bool word(reader *r, ox_str *out)
{
	const char *from = r->p;

	while (r->p < r->end && *r->p && strchr("+-.0123456789aeflnrstuE", *r->p))
		r->p++;
	*out = ox_str_copy(r->a, (ox_str){from, (size_t)(r->p - from)});
	const char c = out->n ? *out->p : 0;
	return c == '-' || (c >= '0' && c <= '9') || !strcmp(out->p, "true") || !strcmp(out->p, "false") || !strcmp(out->p, "null");
}

static bool value(reader *r, cli_member *m);

/* What stands in a list, or in an object. */
static bool items(reader *r, char end, bool keys)
{
	cli_member m;

	if (take(r, end))
		return true;
	if (++r->depth > MAX_DEPTH)
		return false;
	do {
		if (keys && !(string(r, &m.key) && take(r, ':')))
			return false;
		if (!value(r, &m))
			return false;
	} while (take(r, ','));
	r->depth--;
	return take(r, end);
}

static bool value(reader *r, cli_member *m)
{
	skip_space(r);
	const char c = r->p < r->end ? *r->p : 0;
	m->value = OX_ABSENT;
	m->kind = c == '"' ? 's' : c == '{' ? 'o' : c == '[' ? 'a' : c == '-' || (c >= '0' && c <= '9') ? 'n' : 'w';
	switch (m->kind) {
	case 's':
		return string(r, &m->value);
	case 'o':
	case 'a':
		r->p++;
		return items(r, c == '{' ? '}' : ']', c == '{');
	default:
		return word(r, &m->value);
	}
}

typedef OX_VEC(cli_member) members;

static bool object(reader *r, members *v)
{
	if (!take(r, '{'))
		return false;
	if (take(r, '}'))
		return true;
	do {
		cli_member m = {0};
		if (!string(r, &m.key) || !take(r, ':') || !value(r, &m))
			return false;
		*ox_push(r->a, v) = m;
	} while (take(r, ','));
	return take(r, '}');
}

const cli_member *cli_members_read(ox_arena *a, const char *text, size_t size, size_t *n, size_t *at)
{
	reader r = {.p = text, .end = text + size, .a = a};
	members v = {0};
	const bool fine = object(&r, &v);

	skip_space(&r);
	*n = v.n;
	*at = (size_t)(r.p - text);
	return !fine || r.p != r.end ? NULL : v.n ? v.p : ox_new(a, cli_member);
}

const cli_member *cli_member_find(const cli_member *p, size_t n, const char *key, char kind)
{
	for (size_t i = 0; i < n; i++)
		if (p[i].kind == kind && ox_str_eq(p[i].key, ox_cstr(key)))
			return &p[i];
	return NULL;
}
