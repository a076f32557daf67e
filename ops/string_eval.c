/* string_eval.c - strings: joined, split, normalized, matched, counted.
 *
 * Parts of a string share its text. TfIdfVectorizer, which takes integers too, is in
 * ops/ngram_eval.c.
 */
#include "ops/lookup.h"
#include "ops/regex.h"
#include "ops/utf8.h"

static const ox_str *strings_of(const ox_array *x) { return x->data; }

/* Room for text that is not that of an input; NULL after ox_eval_undefined. */
static char *room(ox_eval *c, uint64_t n)
{
	if (!ox_add_u64(c->bytes, n, &c->bytes) || c->bytes > c->max_bytes) {
		ox_eval_undefined(c, "the result is too large");
		return NULL;
	}
	return ox_eval_text(c, (size_t)n);
}

/* ---- StringConcat ---------------------------------------------------------------------- */

static bool join(ox_eval *c, ox_str a, ox_str b, ox_str *out)
{
	*out = b.n ? b : a;
	if (!a.n || !b.n)
		return true;
	char *p = room(c, (uint64_t)a.n + b.n);
	if (!p)
		return false;
	memcpy(p, a.p, a.n);
	memcpy(p + a.n, b.p, b.n);
	*out = (ox_str){p, a.n + b.n};
	return true;
}

/* StringConcat */
bool eval_string_concat(ox_eval *c)
{
	ox_array *x[] = {ox_arg(c, 0), ox_arg(c, 1)};
	uint32_t rank;
	int64_t *dims;

	if (!ox_broadcast_dims(c, 2, x, &rank, &dims))
		return false;
	ox_array *out = ox_eval_out(c, 0, OX_STRING, rank, dims);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, out->count, 1))
		return false;
	ox_walk *w = ox_walk_new(c, rank, dims, 2);
	ox_walk_over(w, 0, x[0]);
	ox_walk_over(w, 1, x[1]);
	for (uint64_t i = 0; i < out->count; i++, ox_walk_next(w))
		if (!join(c, strings_of(x[0])[w->at[0]], strings_of(x[1])[w->at[1]], (ox_str *)out->data + i))
			return false;
	return true;
}

/* ---- StringSplit ------------------------------------------------------------------------- */

static bool is_space(char ch) { return ch == ' ' || (ch >= '\t' && ch <= '\r'); }

static ox_str stripped(ox_str s)
{
	while (s.n && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

typedef struct splitter {
	ox_str rest;                  /* p NULL: nothing is left, not even an empty part */
	ox_str delimiter;             /* n 0: white space */
	uint64_t left;                /* splits that are allowed */
} splitter;

static splitter splitter_of(ox_str s, ox_str delimiter, uint64_t most)
{
	if (!delimiter.n)
		s = stripped(s);
	if (!s.p || (!s.n && !delimiter.n))
		s = delimiter.n ? OX_S("") : OX_ABSENT;
	return (splitter){s, delimiter, most};
}

/* Where the delimiter is in the rest; its end if it is not there. */
static size_t next_delimiter(const splitter *s)
{
	const ox_str r = s->rest, d = s->delimiter;

	for (size_t i = 0; i < r.n; i++)
		if (d.n ? r.n - i >= d.n && !memcmp(r.p + i, d.p, d.n) : is_space(r.p[i]))
			return i;
	return r.n;
}

static bool next_part(splitter *s, ox_str *part)
{
	if (!s->rest.p)
		return false;
	const size_t at = s->left ? next_delimiter(s) : s->rest.n;
	*part = (ox_str){s->rest.p, at};
	if (at == s->rest.n) {
		s->rest = OX_ABSENT;
		return true;
	}
	const size_t skip = at + (s->delimiter.n ? s->delimiter.n : 1);
	s->rest = (ox_str){s->rest.p + skip, s->rest.n - skip};
	if (!s->delimiter.n)
		s->rest = stripped(s->rest);
	s->left--;
	return true;
}

/* Runtimes differ on what is white space beside the blank, and on how many parts of nothing
 * there are; we go by the letter: white space of ASCII, and one part. */
static bool is_disputed(ox_str s, ox_str delimiter)
{
	for (size_t i = 0; i < s.n && !delimiter.n; i++)
		if (s.p[i] != ' ' && (is_space(s.p[i]) || (unsigned char)s.p[i] < ' ' || s.p[i] & 0x80))
			return true;
	return delimiter.n && !s.n;
}

static int64_t count_parts(ox_eval *c, ox_str s, ox_str delimiter, uint64_t most)
{
	splitter p = splitter_of(s, delimiter, most);
	ox_str part;
	int64_t n = 0;

	while (next_part(&p, &part))
		n++;
	if (is_disputed(s, delimiter))
		c->disputed = "runtimes split the string in other ways";
	return n;
}

static bool read_strings(ox_eval *c, uint32_t i, uint64_t factor)
{
	const ox_array *x = ox_arg(c, i);
	uint64_t n = x->count;

	if (!ox_eval_read(c, i))
		return false;
	for (uint64_t k = 0; k < x->count; k++)
		n += strings_of(x)[k].n;
	return ox_eval_cost(c, n, factor);
}

/* StringSplit */
bool eval_string_split(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	bool known;
	const ox_str delimiter = ox_attr_str(c->n, "delimiter", OX_S(""), &known);
	const int64_t limit = ox_eval_int(c, "maxsplit", -1);
	const uint64_t most = limit < 0 ? UINT64_MAX : (uint64_t)limit;
	int64_t dims[OX_MAX_RANK + 1], widest = 0;
	ox_str part;

	if (x->rank >= OX_MAX_RANK)
		return ox_eval_undefined(c, "the rank is too high");
	ox_array *n = ox_eval_like(c, 1, OX_I64, x);
	if (!n || !read_strings(c, 0, 2 * (delimiter.n + 1)))
		return false;
	for (uint64_t i = 0; i < x->count; i++) {
		const int64_t parts = count_parts(c, strings_of(x)[i], delimiter, most);
		ox_put_int(n, i, parts);
		widest = parts > widest ? parts : widest;
	}
	if (x->rank)
		memcpy(dims, x->dims, x->rank * sizeof *dims);
	dims[x->rank] = widest;
	ox_array *out = ox_eval_out(c, 0, OX_STRING, x->rank + 1, dims);
	if (!out)
		return false;
	ox_str *to = out->data;
	for (uint64_t i = 0; i < x->count; i++, to += widest) {
		splitter p = splitter_of(strings_of(x)[i], delimiter, most);
		for (int64_t k = 0; k < widest; k++)
			to[k] = next_part(&p, &part) ? part : OX_S("");
	}
	return true;
}

/* ---- StringNormalizer ---------------------------------------------------------------------- */

/* Capital letters from first to last, every step of them; their small letters are delta above. */
static const struct letters {
	uint32_t first, last, step;
	int32_t delta;
} letters[] = {
	{'A',   'Z',   1, 32},   {0xc0,  0xd6,  1, 32}, {0xd8,  0xde,  1, 32}, {0x100, 0x12e, 2, 1},
	{0x132, 0x136, 2, 1},    {0x139, 0x147, 2, 1},  {0x14a, 0x176, 2, 1},  {0x178, 0x178, 1, -121},
	{0x179, 0x17d, 2, 1},    {0x386, 0x386, 1, 38}, {0x388, 0x38a, 1, 37}, {0x38c, 0x38c, 1, 64},
	{0x38e, 0x38f, 1, 63},   {0x391, 0x3a1, 1, 32}, {0x3a4, 0x3ab, 1, 32}, {0x400, 0x40f, 1, 80},
	{0x410, 0x42f, 1, 32},
};

/* Where nothing else has a case. */
static const struct { uint32_t first, last; } plain[] = {
	{0, 0xb4}, {0xb6, 0xde}, {0xe0, 0x12f}, {0x132, 0x148}, {0x14a, 0x17e}, {0x386, 0x386}, {0x388, 0x38f},
	{0x391, 0x3a1}, {0x3a4, 0x3af}, {0x3b1, 0x3c1}, {0x3c4, 0x3ce}, {0x400, 0x45f}, {0x590, 0xdff},
	{0x2000, 0x20ff}, {0x2190, 0x245f}, {0x2500, 0x2bff}, {0x3000, 0x9fff}, {0xac00, 0xd7a3}, {0x1f000, 0x1faff},
	{0x20000, 0x3ffff},
};

/* Small letters whose capitals are irregular. */
static const uint32_t irregular[] = {0xb5, 0xdf, 0x131, 0x149, 0x17f, 0x390, 0x3b0, 0x3c2, 0x3c3};

/* u in the other case; false: not one character for one, or not known here. */
static bool recase(uint32_t *u, bool upper)
{
	bool known = false;

	for (size_t i = 0; i < OX_LEN(irregular); i++)
		if (*u == irregular[i])
			return !upper;
	for (size_t i = 0; i < OX_LEN(letters); i++) {
		const struct letters *l = &letters[i];
		const uint32_t capital = upper ? *u - (uint32_t)l->delta : *u;
		if (capital >= l->first && capital <= l->last && (capital - l->first) % l->step == 0) {
			*u = upper ? capital : *u + (uint32_t)l->delta;
			return true;
		}
	}
	for (size_t i = 0; i < OX_LEN(plain) && !known; i++)
		known = *u >= plain[i].first && *u <= plain[i].last;
	return known;
}

static bool recased(ox_eval *c, ox_str s, bool upper, ox_str *out)
{
	char *p = room(c, 2 * (uint64_t)s.n);     /* no letter above takes more than twice its bytes */
	size_t n = 0, step;

	if (!p)
		return false;
	if (!ox_utf8_valid(s.p, s.n))
		return ox_eval_undefined(c, "a string is not UTF-8");
	for (size_t i = 0; i < s.n; i += step) {
		uint32_t u = ox_utf8_get(s.p + i, &step);
		if (!recase(&u, upper))
			return ox_eval_undefined(c, "a letter has no case that is known here");
		n += ox_utf8_put(p + n, u);
	}
	*out = (ox_str){p, n};
	return true;
}

/* Words that go, in small letters where case does not matter. */
static bool stopwords_of(ox_eval *c, bool folds, ox_lookup **words)
{
	const ox_attr *a = ox_node_attr(c->n, "stopwords");
	const size_t n = a && a->type == OX_A_STRINGS ? a->n : 0;

	*words = n ? ox_lookup_new(c->arena, n) : NULL;
	for (size_t i = 0; i < n; i++) {
		ox_str word = a->strings[i];
		if (folds && !recased(c, word, false, &word))
			return false;
		ox_lookup_set(*words, word.p ? word.p : "", word.n, 1);
	}
	return true;
}

static bool normalize(ox_eval *c, ox_str s, const ox_lookup *stop, bool folds, ox_str *kept, uint64_t *n)
{
	const bool lower = ox_eval_str_is(c, "case_change_action", "LOWER"),
	           upper = ox_eval_str_is(c, "case_change_action", "UPPER");
	ox_str word = s;

	if (stop && folds && !recased(c, s, false, &word))
		return false;
	if (stop && ox_lookup_find(stop, word.p ? word.p : "", word.n) >= 0)
		return true;
	kept[*n] = s;
	if ((lower || upper) && !recased(c, s, upper, &kept[*n]))
		return false;
	++*n;
	return true;
}

/* StringNormalizer: [C] or [1, C]; one empty word if none is left */
bool eval_string_normalizer(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const bool folds = !ox_eval_int(c, "is_case_sensitive", 0);
	ox_lookup *stop;
	uint64_t n = 0;

	if (x->rank < 1 || x->rank > 2 || (x->rank == 2 && x->dims[0] != 1))
		return ox_eval_undefined(c, "expected one row");
	if (!read_strings(c, 0, 8) || !stopwords_of(c, folds, &stop))
		return false;
	ox_str *kept = ox_new_array(c->arena, ox_str, (size_t)x->count + 1);
	for (uint64_t i = 0; i < x->count; i++)
		if (!normalize(c, strings_of(x)[i], stop, folds, kept, &n))
			return false;
	if (!n)
		kept[n++] = OX_S("");
	const int64_t dims[] = {1, (int64_t)n};
	ox_array *out = ox_eval_out(c, 0, OX_STRING, x->rank, dims + 2 - x->rank);
	if (!out)
		return false;
	memcpy(out->data, kept, (size_t)n * sizeof *kept);
	return true;
}

/* ---- RegexFullMatch -------------------------------------------------------------------------- */

/* RegexFullMatch */
bool eval_regex_full_match(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	bool known;
	const ox_str pattern = ox_attr_str(c->n, "pattern", OX_ABSENT, &known);
	const char *why;

	if (!pattern.p)
		return ox_eval_undefined(c, "there is no pattern");
	ox_array *out = ox_eval_like(c, 0, OX_BOOL, x);
	ox_regex *r = ox_regex_new(c->arena, pattern, &why);
	if (!out || !r)
		return out ? ox_eval_undefined(c, why) : false;
	if (!read_strings(c, 0, ox_regex_size(r)))
		return false;
	for (uint64_t i = 0; i < x->count; i++) {
		const ox_str s = strings_of(x)[i];
		if (!ox_utf8_valid(s.p, s.n))
			return ox_eval_undefined(c, "a string is not UTF-8");
		ox_put_int(out, i, ox_regex_matches(r, s));
	}
	return true;
}
