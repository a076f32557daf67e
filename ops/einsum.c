/* einsum.c - Einsum: which dims the letters of its equation are.
 *
 *     "b...ij, b...jk -> b...ik"
 *
 * The same letter stands for dims that broadcast: numpy and ONNX Runtime stretch a 1, so
 * that nothing is forced equal. An ellipsis stands for the same number of dims everywhere.
 */
#include "ops/nn.h"

enum { LETTERS = 52 };

typedef struct term {
	uint8_t letter[OX_MAX_RANK];  /* 0.. in ASCII order */
	int n;
	int ellipsis;                 /* stands before this letter; -1: none */
} term;

typedef struct equation {
	term *in, out;                /* as many in as the node has inputs */
	bool stated;                  /* there is a right-hand side */
	ox_dim dim[LETTERS];
	uint32_t count[LETTERS];      /* times met on the left */
	ox_dim wild[OX_MAX_RANK];     /* what the ellipsis stands for */
	int nwild;                    /* -1: unknown */
} equation;

static int letter_of(char ch)
{
	if (ch >= 'A' && ch <= 'Z')
		return ch - 'A';
	return ch >= 'a' && ch <= 'z' ? 26 + ch - 'a' : -1;
}

/* ---- reading the equation --------------------------------------------------- */

/* Reads one term from *p on, to the comma, the arrow or the end. */
static bool read_term(ox_infer *c, const char **p, const char *end, term *t)
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
			return ox_wrong(c, "equation has a character it cannot have, or a term with two "
			                "ellipses");
		if (t->n == OX_MAX_RANK)
			return ox_wrong(c, "a term of the equation has more than %d letters", OX_MAX_RANK);
		t->letter[t->n++] = (uint8_t)letter;
	}
	return true;
}

static bool read_equation(ox_infer *c, ox_str text, equation *e)
{
	const char *p = text.p, *end = text.p + text.n;
	const uint32_t nin = c->n->nin;

	e->in = ox_new_array(c->scratch, term, nin);
	for (uint32_t i = 0; i < nin; i++) {
		if (!read_term(c, &p, end, &e->in[i]))
			return false;
		if (i + 1 < nin && (p == end || *p != ','))
			return ox_wrong(c, "equation has %u terms for %u inputs", i + 1, nin);
		p += i + 1 < nin;
	}
	if (p == end)
		return true;
	if (end - p < 2 || strncmp(p, "->", 2))
		return ox_wrong(c, "equation has more terms than the %u inputs, or no right arrow", nin);
	p += 2;
	e->stated = true;
	if (!read_term(c, &p, end, &e->out))
		return false;
	return p == end || ox_wrong(c, "equation goes on after its right-hand side");
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

static bool count_wild(ox_infer *c, equation *e)
{
	e->nwild = -1;
	for (uint32_t i = 0; i < c->n->nin; i++) {
		const int rank = ox_in_rank(c, i), rest = rank - e->in[i].n;

		if (rank < 0)
			continue;
		if (rest < 0 || (rest > 0 && e->in[i].ellipsis < 0))
			return ox_wrong(c, "input %u has rank %d, its term says %d", i, rank, e->in[i].n);
		if (e->in[i].ellipsis < 0)
			continue;
		if (e->nwild >= 0 && e->nwild != rest)
			return ox_wrong(c, "the ellipsis stands for %d dims and for %d", e->nwild, rest);
		e->nwild = rest;
	}
	return true;
}

/* Dim k of a term with letters before and after `wild` dims; NULL where the rank is unknown. */
static bool meet_term(ox_infer *c, equation *e, uint32_t input, bool first_wild)
{
	const term *t = &e->in[input];
	const int wild = t->ellipsis < 0 ? 0 : e->nwild;

	for (int k = 0; k < t->n; k++) {
		const int axis = t->ellipsis >= 0 && k >= t->ellipsis ? k + wild : k;
		const uint8_t letter = t->letter[k];

		if (!meet(c, &e->dim[letter], ox_in_axis(c, input, (uint32_t)axis), !e->count[letter]))
			return false;
		e->count[letter]++;
	}
	for (int k = 0; t->ellipsis >= 0 && k < wild; k++)
		if (!meet(c, &e->wild[k], ox_in_axis(c, input, (uint32_t)(t->ellipsis + k)), first_wild))
			return false;
	return true;
}

static bool meet_all(ox_infer *c, equation *e)
{
	bool first_wild = true;

	for (uint32_t i = 0; i < c->n->nin; i++) {
		if (!meet_term(c, e, i, first_wild))
			return false;
		first_wild = first_wild && e->in[i].ellipsis < 0;
	}
	/* without a right-hand side: the ellipsis, then letters met once, in ASCII order */
	if (e->stated)
		return true;
	e->out.ellipsis = first_wild ? -1 : 0;
	for (int k = 0; k < LETTERS; k++)
		if (e->count[k] == 1)
			e->out.letter[e->out.n++] = (uint8_t)k;
	return true;
}

static bool check_output(ox_infer *c, const equation *e)
{
	bool seen[LETTERS] = {false};

	for (int k = 0; k < e->out.n; k++) {
		const uint8_t letter = e->out.letter[k];

		if (!e->count[letter] || seen[letter])
			return ox_wrong(c, "a letter of the right-hand side is %s", seen[letter]
			                ? "there twice" : "not on the left");
		seen[letter] = true;
	}
	return true;
}

/* Einsum */
bool infer_einsum(ox_infer *c)
{
	equation *e = ox_new(c->scratch, equation);
	ox_dim dims[2 * OX_MAX_RANK];
	bool known;
	int rank = 0;
	const ox_str text = ox_attr_str(c->n, "equation", OX_ABSENT, &known);

	if (!known || !text.p)
		return true;
	if (!read_equation(c, text, e) || !count_wild(c, e) || !meet_all(c, e) || !check_output(c, e))
		return false;
	if (e->out.ellipsis >= 0 && e->nwild < 0)
		return true;
	for (int k = 0; k <= e->out.n; k++) {
		for (int i = 0; k == e->out.ellipsis && i < e->nwild; i++)
			dims[rank++] = e->wild[i];
		if (k < e->out.n)
			dims[rank++] = e->dim[e->out.letter[k]];
	}
	if (rank > OX_MAX_RANK)
		return true;
	ox_out_shape(c, 0, rank, dims);
	return true;
}
