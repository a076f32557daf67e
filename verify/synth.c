/* synth.c - inputs made up: their sizes. Then what readers accept (needs.c), and values (fill.c). */
#include "verify/synth_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* ---- dims ---------------------------------------------------------------------------------------- */

/* TOTAL: of past and present together */
enum role { BATCH, CHANNEL, PLACE, TIME, PAST, OTHER, NROLES, TOTAL = NROLES };

bool synth_says(const char *name, const char *const *words)
{
	for (; *words; words++)
		for (const char *p = name; *p; p++)
			if (!strncasecmp(p, *words, strlen(*words)))
				return true;
	return false;
}

static uint8_t role_of(const char *name, uint32_t rank, uint32_t axis)
{
	static const char *const past[] = {"past", NULL}, *const batch[] = {"batch", NULL},
	                  *const place[] = {"height", "width", NULL}, *const time[] = {"seq", "len", "time", "token", "frame", NULL},
	                  *const channel[] = {"channel", NULL}, *const total[] = {"total", NULL};

	if (synth_says(name, total))
		return TOTAL;
	if (synth_says(name, past))
		return PAST;
	if (synth_says(name, batch) || !strcasecmp(name, "n") || !strcasecmp(name, "b"))
		return BATCH;
	if (synth_says(name, place) || !strcasecmp(name, "h") || !strcasecmp(name, "w"))
		return PLACE;
	if (synth_says(name, time))
		return TIME;
	if (synth_says(name, channel))
		return CHANNEL;
	if (axis == 0 && rank > 1)
		return BATCH;
	if (rank == 2 && axis == 1 && !*name)
		return TIME;          /* of a signal */
	if (rank >= 4)
		return axis == 1 ? CHANNEL : PLACE;
	return OTHER;
}

static void find_dims(ox_synth *s, uint32_t i)
{
	const ox_decl *d = &s->m->graph->inputs.p[i];
	const ox_type *t = d->type;

	if (!t || t->kind != OX_T_TENSOR || !t->has_shape)
		return;
	for (uint32_t a = 0; a < t->rank; a++) {
		ox_dim x = t->dims[a];
		if (x && x->kind == OX_DIM_NUM && x->num >= 0)
			continue;
		const ox_name *sym = x && x->kind == OX_DIM_SYM && x->sym->n ? x->sym : NULL;
		const char *name = sym ? sym->s : "";
		*ox_push(s->arena, &s->dims) = (open_dim){
			.input = i, .axis = a, .sym = sym, .role = role_of(name, t->rank, a),
			.known = d->val && ox_rank_known(d->val) == (int)t->rank ? ox_dim_known(s->m, d->val, a) : NULL,
		};
	}
}

/* Sizes by role; of the first choice those of OTHER, TIME and PLACE differ from each other. `rank`:
 * of what declares none. `most`: of integers of which nothing is known. From `tame` on, values
 * that change shapes are such that nothing changes. */
enum { TAME = 2, WITHOUT_SIZES = 4 };
static const struct { int64_t size[NROLES]; bool apart; uint32_t rank; int64_t most; } choices[] = {
	/* BATCH CHANNEL PLACE TIME PAST OTHER */
	{{2, 3, 64, 7, 3, 5}, true, 2, 9},
	{{2, 3, 64, 8, 8, 8}, false, 4, 1},
	{{2, 3, 64, 8, 8, 4}, false, 3, 9},
	{{1, 3, 64, 8, 0, 4}, false, 1, 2},
	{{2, 1, 96, 4, 4, 4}, false, 2, 1},
	{{1, 1, 32, 1, 1, 1}, false, 2, 1},
	{{1, 1, 32, 640, 1, 1}, false, 2, 1},
	{{1, 3, 224, 16, 16, 16}, false, 4, 9},
	{{1, 3, 320, 128, 128, 128}, false, 4, 9},
	{{1, 3, 512, 512, 512, 512}, false, 4, 9},
	{{1, 1, 1, 1, 1, 1}, false, 0, 0},
};

bool synth_is_tame(const ox_synth *s) { return s->choice >= TAME; }
int64_t synth_largest(const ox_synth *s) { return choices[s->choice].most; }

static int64_t next_apart(unsigned *n)
{
	static const int64_t primes[] = {5, 7, 11, 13, 3, 17, 19};

	return primes[(*n)++ % OX_LEN(primes)];
}

static bool bound_value(void *user, ox_dim sym, int64_t *value)
{
	const ox_synth *s = user;

	for (size_t i = 0; sym->kind == OX_DIM_SYM && i < s->sizes.n; i++)
		if (s->sizes.p[i].sym == sym->sym) {
			*value = s->sizes.p[i].size;
			return true;
		}
	return false;
}

/* "past_sequence_length + sequence_length" is often the name of a dim; -1: not such a one. */
static int64_t sum_of(const ox_synth *s, const ox_bindings *b, const char *name)
{
	const char *plus = strstr(name, " + ");
	char *end;
	int64_t sum = 0;

	if (!plus)
		return -1;
	const ox_str parts[] = {{name, (size_t)(plus - name)}, ox_cstr(plus + 3)};
	for (size_t i = 0; i < OX_LEN(parts); i++) {
		const ox_name *sym = ox_intern_find(&s->m->names, parts[i].p, parts[i].n);
		const int64_t known = sym ? ox_binding_of(b, sym) : -1;
		const int64_t number = isdigit((unsigned char)*parts[i].p) ? (int64_t)strtol(parts[i].p, &end, 10) : -1;
		if (known < 0 && (number < 0 || number > 1000))
			return -1;
		sum += known >= 0 ? known : number;
	}
	return sum;
}

static void copy_bindings(ox_synth *s, const ox_bindings *b)
{
	s->sizes.n = 0;
	for (size_t i = 0; i < b->list.n; i++)
		*ox_push(s->arena, &s->sizes) = b->list.p[i];
}

/* The sizes of the first dims of two roles, which stand for all of them. */
static int64_t total_of(const ox_synth *s)
{
	int64_t of[NROLES] = {0};

	for (size_t i = s->dims.n; i-- > 0;)
		if (s->dims.p[i].role < NROLES)
			of[s->dims.p[i].role] = s->dims.p[i].size;
	return of[PAST] + of[TIME];
}

/* What inference knows the dim to be, as far as the others are chosen; -1: nothing. */
static int64_t by_inference(ox_synth *s, const open_dim *d, const ox_bindings *b)
{
	int64_t v;

	copy_bindings(s, b);
	return d->known && ox_dim_eval(d->known, bound_value, s, &v) && v >= 0 && v <= INT32_MAX ? v : -1;
}

/* A height and a width are not the same. */
static int64_t place_of(const ox_synth *s, const open_dim *d, unsigned n)
{
	const int64_t size = choices[n].size[PLACE];
	bool other = false;

	for (const open_dim *k = s->dims.p; choices[n].apart && k < d; k++)
		other ^= k->role == PLACE && (!k->sym || k->sym != d->sym);
	return other ? size + size / 2 : size;
}

static int64_t by_choice(const ox_synth *s, const open_dim *d, unsigned n, unsigned *apart)
{
	const bool spread = choices[n].apart && (d->role == OTHER || d->role == TIME);
	const int64_t size = d->role == TOTAL ? total_of(s) : d->role == PLACE ? place_of(s, d, n)
	                     : spread ? next_apart(apart) : choices[n].size[d->role];

	if (d->known && d->known->lo > size && d->known->lo <= INT32_MAX)
		return d->known->lo;
	return d->known && d->known->hi < size && d->known->hi >= 0 ? d->known->hi : size;
}

static void choose(ox_synth *s, open_dim *d, unsigned n, ox_bindings *b, unsigned *apart)
{
	int64_t size = d->sym ? ox_binding_of(b, d->sym) : -1;

	if (size < 0)
		size = by_inference(s, d, b);
	if (size < 0)
		size = by_choice(s, d, n, apart);
	d->size = size;
	if (d->sym && ox_binding_of(b, d->sym) < 0)
		ox_bind(b, d->sym, size);
}

bool ox_synth_sizes(ox_synth *s, unsigned n, ox_bindings *b)
{
	unsigned apart = 0;

	if (n >= OX_LEN(choices) || (!s->dims.n && n >= WITHOUT_SIZES))
		return false;
	s->choice = n;
	/* sums come last, so that what they are made of is known */
	for (int sums = 0; sums < 2; sums++)
		for (size_t i = 0; i < s->dims.n; i++) {
			open_dim *d = &s->dims.p[i];
			const bool is_sum = d->sym && strstr(d->sym->s, " + ");
			if ((is_sum || d->role == TOTAL) != (sums == 1))
				continue;
			const int64_t sum = is_sum && ox_binding_of(b, d->sym) < 0 ? sum_of(s, b, d->sym->s) : -1;
			if (sum >= 0)
				ox_bind(b, d->sym, sum);
			choose(s, d, n, b, &apart);
		}
	copy_bindings(s, b);
	return true;
}

bool synth_dim(ox_synth *s, ox_dim d, int64_t *size)
{
	if (d && d->kind == OX_DIM_NUM) {
		*size = d->num;
		return true;
	}
	return d && ox_dim_eval(d, bound_value, s, size);
}

/* Of what does not declare them. */
static int64_t *guess_dims(const ox_synth *s, uint32_t *rank, ox_arena *a)
{
	int64_t *dims = ox_new_array(a, int64_t, choices[s->choice].rank + 1);

	*rank = choices[s->choice].rank;
	for (uint32_t i = 0; i < *rank; i++)
		dims[i] = choices[s->choice].size[role_of("", *rank, i)];
	return dims;
}

const int64_t *synth_dims_of_item(ox_synth *s, const ox_type *t, uint32_t *rank, ox_arena *a)
{
	if (!t->has_shape)
		return guess_dims(s, rank, a);
	int64_t *dims = ox_new_array(a, int64_t, t->rank + 1);
	*rank = t->rank;
	for (uint32_t i = 0; i < t->rank; i++)
		if (!synth_dim(s, t->dims[i], &dims[i]) || dims[i] < 0)
			dims[i] = choices[s->choice].size[role_of("", t->rank, i)];
	return dims;
}

const int64_t *synth_dims_of_input(ox_synth *s, uint32_t input, uint32_t *rank, ox_arena *a)
{
	const ox_type *t = s->m->graph->inputs.p[input].type;
	int64_t *dims = (int64_t *)synth_dims_of_item(s, t, rank, a);

	for (size_t i = 0; i < s->dims.n; i++)
		if (s->dims.p[i].input == input)
			dims[s->dims.p[i].axis] = s->dims.p[i].size;
	return dims;
}

const int64_t *ox_synth_dims(ox_synth *s, uint32_t i, uint32_t *rank, ox_arena *a)
{
	const ox_type *t = s->m->graph->inputs.p[i].type;

	return t && t->kind == OX_T_TENSOR ? synth_dims_of_input(s, i, rank, a) : NULL;
}

void ox_synth_kind(ox_synth *s, unsigned kind) { s->kind = kind; }

ox_synth *ox_synth_new(ox_model *m, ox_arena *a)
{
	ox_synth *s = ox_new(a, ox_synth);
	size_t n;
	ox_graph **graphs = ox_model_graphs(m, a, &n);
	bool moved;

	*s = (ox_synth){.m = m, .arena = a};
	for (size_t i = 0; i < n; i++)
		if (!ox_graph_is_sorted(graphs[i]) && !ox_graph_sort(graphs[i], &moved))
			return NULL;
	ox_inference *inference = ox_inference_new(m, NULL);
	ox_infer_all(inference);
	ox_inference_free(inference);
	s->needs = ox_new_array(a, needs, m->graph->inputs.n + 1);
	for (uint32_t i = 0; i < m->graph->inputs.n; i++) {
		find_dims(s, i);
		if (m->graph->inputs.p[i].val)
			synth_find_needs(s, &s->needs[i], m->graph->inputs.p[i].val, UINT32_MAX - i);
	}
	return s;
}
