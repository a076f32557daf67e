/* einsum.c - Einsum: which dims the letters of its equation are.
 *
 *     "b...ij, b...jk -> b...ik"
 *
 * The same letter stands for dims that broadcast: numpy and ONNX Runtime stretch a 1, so
 * that nothing is forced equal. An ellipsis stands for the same number of dims everywhere.
 */
#include "ops/einsum.h"
#include "ops/nn.h"

typedef struct labels {
	ox_equation e;
	ox_dim dim[OX_LETTERS];
	uint32_t met[OX_LETTERS];     /* so far */
	ox_dim wild[OX_MAX_RANK];     /* what the ellipsis stands for */
	int nwild;                    /* -1: unknown */
} labels;

/* ---- reading the equation --------------------------------------------------- */

static int letter_of(char ch)
{
	if (ch >= 'A' && ch <= 'Z')
		return ch - 'A';
	return ch >= 'a' && ch <= 'z' ? 26 + ch - 'a' : -1;
}

/* Reads one term from *p on, to the comma, the arrow or the end. NULL, or what is wrong. */
static const char *read_term(const char **p, const char *end, ox_letters *t)
{
	t->n = 0;
	t->ellipsis = -1;
	for (; *p < end && **p != ',' && **p != '-'; (*p)++) {
		const int letter = letter_of(**p);

		if (**p == ' ')
			continue;
		if (letter < 0 && end - *p >= 3 && !strncmp(*p, "...", 3) && t->ellipsis < 0) {
			t->ellipsis = t->n;
			*p += 2;
			continue;
		}
		if (letter < 0)
			return "equation has a character it cannot have, or a term with two ellipses";
		if (t->n == OX_MAX_RANK)
			return "a term of the equation has too many letters";
		t->letter[t->n++] = (uint8_t)letter;
	}
	return NULL;
}

/* Without a right-hand side: the ellipsis, then letters met once, in ASCII order. */
static void imply_output(ox_equation *e, uint32_t nin)
{
	e->out = (ox_letters){.ellipsis = -1};
	for (uint32_t i = 0; i < nin; i++)
		if (e->in[i].ellipsis >= 0)
			e->out.ellipsis = 0;
	for (int k = 0; k < OX_LETTERS; k++)
		if (e->count[k] == 1)
			e->out.letter[e->out.n++] = (uint8_t)k;
}

static const char *check_output(const ox_equation *e)
{
	bool seen[OX_LETTERS] = {false};

	for (int k = 0; k < e->out.n; k++) {
		const uint8_t letter = e->out.letter[k];

		if (seen[letter])
			return "a letter of the right-hand side is there twice";
		if (!e->count[letter])
			return "a letter of the right-hand side is not on the left";
		seen[letter] = true;
	}
	return NULL;
}

static const char *read_output(ox_equation *e, const char *p, const char *end)
{
	if (end - p < 2 || strncmp(p, "->", 2))
		return "equation has more terms than there are inputs, or no right arrow";
	p += 2;
	const char *why = read_term(&p, end, &e->out);
	if (why)
		return why;
	return p == end ? check_output(e) : "equation goes on after its right-hand side";
}

const char *ox_equation_read(ox_equation *e, ox_str text, uint32_t nin, ox_arena *a)
{
	const char *p = text.p, *end = text.p + text.n;

	*e = (ox_equation){.in = ox_new_array(a, ox_letters, nin + 1)};
	for (uint32_t i = 0; i < nin; i++) {
		const char *why = read_term(&p, end, &e->in[i]);
		if (why)
			return why;
		if (i + 1 < nin && (p == end || *p != ','))
			return "equation has fewer terms than there are inputs";
		p += i + 1 < nin;
		for (int k = 0; k < e->in[i].n; k++)
			e->count[e->in[i].letter[k]]++;
	}
	if (p != end)
		return read_output(e, p, end);
	imply_output(e, nin);
	return NULL;
}

/* ---- the dims ----------------------------------------------------------------- */

/* Two dims that broadcast; a number other than 1 wins over what is not known. */
static bool meet(ox_infer *c, ox_dim *to, ox_dim d, bool first)
{
	bool clash = false;

	if (first || *to == d) {
		*to = d;
		return true;
	}
	if (!*to || !d) {
		const ox_dim known = *to ? *to : d;
		*to = ox_dim_is_num(known) && known->num != 1 ? known : NULL;
		return true;
	}
	const ox_dim both = ox_dim_broadcast(c->m, *to, d, &clash);
	if (clash)
		return ox_wrong(c, "one letter stands for %lld and for %lld", (long long)(*to)->num,
		                (long long)d->num);
	*to = both;
	return true;
}

static bool count_wild(ox_infer *c, labels *e)
{
	e->nwild = -1;
	for (uint32_t i = 0; i < c->n->nin; i++) {
		const int rank = ox_in_rank(c, i), rest = rank - e->e.in[i].n;

		if (rank < 0)
			continue;
		if (rest < 0 || (rest > 0 && e->e.in[i].ellipsis < 0))
			return ox_wrong(c, "input %u has rank %d, its term says %d", i, rank, e->e.in[i].n);
		if (e->e.in[i].ellipsis < 0)
			continue;
		if (e->nwild >= 0 && e->nwild != rest)
			return ox_wrong(c, "the ellipsis stands for %d dims and for %d", e->nwild, rest);
		e->nwild = rest;
	}
	return true;
}

/* Dim k of a term with letters before and after `wild` dims; NULL where the rank is unknown. */
static bool meet_term(ox_infer *c, labels *e, uint32_t input, bool first_wild)
{
	const ox_letters *t = &e->e.in[input];
	const int wild = t->ellipsis < 0 ? 0 : e->nwild;

	for (int k = 0; k < t->n; k++) {
		const int axis = t->ellipsis >= 0 && k >= t->ellipsis ? k + wild : k;
		const uint8_t letter = t->letter[k];

		if (!meet(c, &e->dim[letter], ox_in_axis(c, input, (uint32_t)axis), !e->met[letter]++))
			return false;
	}
	for (int k = 0; t->ellipsis >= 0 && k < wild; k++)
		if (!meet(c, &e->wild[k], ox_in_axis(c, input, (uint32_t)(t->ellipsis + k)), first_wild))
			return false;
	return true;
}

static bool meet_all(ox_infer *c, labels *e)
{
	bool first_wild = true;

	for (uint32_t i = 0; i < c->n->nin; i++) {
		if (!meet_term(c, e, i, first_wild))
			return false;
		first_wild = first_wild && e->e.in[i].ellipsis < 0;
	}
	return true;
}

/* Einsum */
bool infer_einsum(ox_infer *c)
{
	labels *e = ox_new(c->scratch, labels);
	const ox_letters *out = &e->e.out;
	ox_dim dims[2 * OX_MAX_RANK];
	bool known;
	int rank = 0;
	const ox_str text = ox_attr_str(c->n, "equation", OX_ABSENT, &known);

	if (!known || !text.p)
		return true;
	const char *why = ox_equation_read(&e->e, text, c->n->nin, c->scratch);
	if (why)
		return ox_wrong(c, "%s", why);
	if (!count_wild(c, e) || !meet_all(c, e))
		return false;
	if (out->ellipsis >= 0 && e->nwild < 0)
		return true;
	for (int k = 0; k <= out->n; k++) {
		for (int i = 0; k == out->ellipsis && i < e->nwild; i++)
			dims[rank++] = e->wild[i];
		if (k < out->n)
			dims[rank++] = e->dim[out->letter[k]];
	}
	if (rank > OX_MAX_RANK)
		return true;
	ox_out_shape(c, 0, rank, dims);
	return true;
}
