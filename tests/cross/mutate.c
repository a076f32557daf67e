/* mutate.c - what tests/cross/mutants.py builds into the tool: makes one rewrite wrong, before it
 * is checked.
 *
 *     OX_MUTANT_TRACE=FILE    the names of the passes that rewrote, in order
 *     OX_MUTANT=CHANGE:N      the N-th place (from 0) in the first rewrite where CHANGE can be made
 *     OX_MUTANTS_WITH_PLACE=FILE    those CHANGE:N, N up to 2, that have one
 *
 * A place is an attribute or an operand of a node that the rewrite made, or that has other
 * operands or attributes since. Exit 99: there is none.
 *
 *     axis      an integer attribute, one more           list      the first of a list, one more
 *     order     a list, two neighbours exchanged         factor    a float attribute, times 1 + 2^-7
 *     forget    an attribute, left out                   exchange  two operands, the other way round
 *     drop      the last operand, left out               above     an operand, read one node above
 *     scale     floats of a new constant, times 1 + 2^-7
 *     element   one element of a new constant: floats times 1 + 2^-10, integers one more, the other truth
 *     sign      one element of a new constant, negated
 */
#include "ir/ir.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOTHING_TO_CHANGE = 99, PLACES = 3 };

static const char *const CHANGES[] = {"axis", "list", "order", "factor", "forget", "exchange", "drop", "above", "scale", "element", "sign"};

typedef struct place {
	ox_node *n;
	uint32_t at;                  /* attribute or operand */
	const char *change;
	unsigned left;                /* places to pass over */
} place;

/* A node as it was. */
typedef struct was {
	uint32_t nin, nattr;
	ox_value **in;
	ox_attr *attr;
} was;

static was look(const ox_model *m, const ox_node *n, ox_arena *a)
{
	was w = {.nin = n->nin, .nattr = n->nattr};

	(void)m;
	w.in = ox_new_array(a, ox_value *, n->nin + 1u);
	for (uint32_t i = 0; i < n->nin; i++)
		w.in[i] = n->in[i].val;
	w.attr = ox_new_array(a, ox_attr, n->nattr + 1u);
	if (n->nattr)
		memcpy(w.attr, n->attr, n->nattr * sizeof *n->attr);
	return w;
}

static bool is_here(place *p, const char *change) { return !strcmp(p->change, change) && p->left-- == 0; }

/* ---- attributes ------------------------------------------------------------------------------ */

static bool set(place *p, ox_attr a)
{
	ox_node_set_attr(p->n, &a);
	return true;
}

static bool set_list(place *p, ox_attr a, size_t i, int64_t x, size_t j, int64_t y)
{
	int64_t *list = ox_new_array(&p->n->graph->model->arena, int64_t, a.n);

	memcpy(list, a.ints, a.n * sizeof *list);
	list[i] = x;
	list[j] = y;
	a.ints = list;
	return set(p, a);
}

static bool change_attr(place *p)
{
	ox_attr a = p->n->attr[p->at];

	if (a.ref)
		return false;
	if (is_here(p, "forget"))
		return ox_node_drop_attr(p->n, a.name->s), true;
	if (a.type == OX_A_INT && is_here(p, "axis"))
		return a.i++, set(p, a);
	if (a.type == OX_A_FLOAT && is_here(p, "factor"))
		return a.f = a.f == 0 ? 0x1p-7f : a.f * (1 + 0x1p-7f), set(p, a);
	if (a.type != OX_A_INTS || !a.n)
		return false;
	if (is_here(p, "list"))
		return set_list(p, a, 0, a.ints[0] + 1, 0, a.ints[0] + 1);
	for (size_t i = 0; i + 1 < a.n; i++)
		if (a.ints[i] != a.ints[i + 1])
			return is_here(p, "order") && set_list(p, a, i, a.ints[i + 1], i + 1, a.ints[i]);
	return false;
}

/* ---- constants ------------------------------------------------------------------------------- */

/* Element i of what the bytes hold, changed. False: it would be the same. */
static bool change_element(ox_dtype t, uint8_t *bytes, size_t i, const char *change)
{
	const size_t size = ox_dtype_bits(t) / 8;
	uint64_t bits = 0;

	memcpy(&bits, bytes + i * size, size);
	const uint64_t before = bits;
	if (ox_float_known(t) && t != OX_F8E8M0) {
		const double x = ox_float_of(t, bits);
		const double by = *change == 's' && change[1] == 'i' ? -1 : *change == 's' ? 1 + 0x1p-7 : 1 + 0x1p-10;
		bits = ox_float_bits(t, x == 0 ? by > 0 ? 0x1p-7 : 0 : x * by, true);
	} else if (t == OX_BOOL) {
		bits = !bits;
	} else {
		bits = *change == 's' ? -bits : bits + 1;
	}
	memcpy(bytes + i * size, &bits, size);
	return memcmp(&before, bytes + i * size, size) != 0;
}

static ox_tensor *changed(ox_model *m, const ox_tensor *t, const char *change)
{
	uint64_t n, size;
	bool other = false;
	const bool all = !strcmp(change, "scale");

	if (ox_dtype_bits(t->dtype) < 8 || ox_dtype_bits(t->dtype) > 64 || (all && !ox_float_known(t->dtype)) ||
	    !ox_tensor_count(t, &n) || !n || !ox_tensor_nbytes(t, &size) || size > 1u << 28)
		return NULL;
	uint8_t *bytes = ox_alloc_raw(&m->arena, size);
	if (!ox_tensor_read(m, t, 0, bytes, size))
		return NULL;
	for (uint64_t i = all ? 0 : n / 2; i < (all ? n : n / 2 + 1); i++)
		other |= change_element(t->dtype, bytes, i, change);
	return other ? ox_tensor_raw(m, t->dtype, t->rank, t->dims, bytes, size) : NULL;
}

static bool is_of_constants(const char *change)
{
	return !strcmp(change, "scale") || !strcmp(change, "element") || !strcmp(change, "sign");
}

static bool change_constant(place *p, const ox_tensor *t)
{
	if (!is_of_constants(p->change) || p->left)
		return p->left -= is_of_constants(p->change), false;
	ox_tensor *other = changed(p->n->graph->model, t, p->change);
	if (other)
		ox_node_set_input(p->n, p->at, ox_graph_const(p->n->graph, other, "mutant"));
	return other != NULL;
}

/* ---- operands -------------------------------------------------------------------------------- */

static bool change_operand(place *p, bool is_new)
{
	ox_node *n = p->n;
	ox_value *v = n->in[p->at].val, *next = p->at + 1 < n->nin ? n->in[p->at + 1].val : NULL;

	if (!v)
		return false;
	if (next && next != v && is_here(p, "exchange")) {
		ox_node_set_input(n, p->at, next);
		ox_node_set_input(n, p->at + 1, v);
		return true;
	}
	if (p->at + 1 == n->nin && n->nin > 1 && is_here(p, "drop"))
		return ox_node_set_nin(n, n->nin - 1), true;
	if (v->def && v->def->nin && v->def->in[0].val && v->def->in[0].val != v && is_here(p, "above"))
		return ox_node_set_input(n, p->at, v->def->in[0].val), true;
	return is_new && ox_value_const(v) && change_constant(p, ox_value_const(v));
}

static bool has(ox_value *const *in, uint32_t nin, const ox_value *v)
{
	for (uint32_t i = 0; i < nin; i++)
		if (in[i] == v)
			return true;
	return false;
}

static bool is_other(const ox_model *m, const ox_node *n, const was *w)
{
	if (ox_txn_made(m, n) || n->nin != w->nin || n->nattr != w->nattr || memcmp(n->attr, w->attr, n->nattr * sizeof *n->attr))
		return true;
	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i].val != w->in[i])
			return true;
	return false;
}

static bool change_node(place *p, const was *w)
{
	const bool made = ox_txn_made(p->n->graph->model, p->n);

	if (p->n->op == OX_Constant)
		return false;
	for (p->at = 0; p->at < p->n->nattr; p->at++)
		if (change_attr(p))
			return true;
	for (p->at = 0; p->at < p->n->nin; p->at++)
		if (change_operand(p, made || !has(w->in, w->nin, p->n->in[p->at].val)))
			return true;
	return false;
}

static bool change_one(ox_model *m, place p)
{
	size_t n;
	ox_node **touched = ox_txn_touched(m, &n);
	ox_node **nodes = memcpy(ox_new_array(&m->arena, ox_node *, n + 1), touched, n * sizeof *nodes);
	was *w = ox_new_array(&m->arena, was, n + 1);

	ox_txn_swap(m);
	for (size_t i = 0; i < n; i++)
		if (!ox_txn_made(m, nodes[i]))
			w[i] = look(m, nodes[i], &m->arena);
	ox_txn_swap(m);
	for (size_t i = 0; i < n; i++) {
		p.n = nodes[i];
		if (p.n->graph && is_other(m, p.n, &w[i]) && change_node(&p, &w[i]))
			return true;
	}
	return false;
}

/* ---- asked by the environment --------------------------------------------------------------- */

static void trace(const char *file, const char *pass)
{
	FILE *f = fopen(file, "a");

	if (!f)
		return;
	fprintf(f, "%s\n", pass);
	fclose(f);
}

/* Tried in a child, where it leaves this model as it is. */
static bool has_place(ox_model *m, place p)
{
	int status = 1;
	const pid_t child = fork();

	if (!child)
		_Exit(change_one(m, p) ? 0 : NOTHING_TO_CHANGE);
	return child > 0 && waitpid(child, &status, 0) == child && (!WIFEXITED(status) || WEXITSTATUS(status) != NOTHING_TO_CHANGE);
}

static void tell_places(ox_model *m, const char *file)
{
	FILE *f = fopen(file, "w");

	for (size_t i = 0; f && i < sizeof CHANGES / sizeof *CHANGES; i++)
		for (unsigned n = 0; n < PLACES && has_place(m, (place){.change = CHANGES[i], .left = n}); n++)
			if (fprintf(f, "%s:%u\n", CHANGES[i], n) < 0 || fflush(f))
				_Exit(1);
	if (f)
		fclose(f);
}

void ox_mutate(ox_model *m, const char *pass)
{
	static bool done;
	const char *file = getenv("OX_MUTANT_TRACE"), *what = getenv("OX_MUTANT"), *places = getenv("OX_MUTANTS_WITH_PLACE");
	char change[16];
	unsigned number;

	if (file)
		trace(file, pass);
	if ((!what && !places) || done)
		return;
	done = true;
	if (places)
		tell_places(m, places);
	if (!what)
		return;
	if (sscanf(what, "%15[a-z]:%u", change, &number) != 2 || !change_one(m, (place){.change = change, .left = number}))
		_Exit(NOTHING_TO_CHANGE);
}
