/* stats.c - counting a model: nodes, ops, parameters.
 *
 * Everything is counted over all scopes, function bodies included, so that moving a node
 * between scopes or turning a Constant node into an initializer changes no more numbers
 * than it should. Sums saturate: a hostile model may claim any number of elements.
 */
#include "api/api.h"

#include <stdlib.h>

static void add(uint64_t *sum, uint64_t n)
{
	if (!ox_add_u64(*sum, n, sum))
		*sum = UINT64_MAX;
}

/* ---- the op histogram ------------------------------------------------------ */

/* Open addressing on the pair of interned names. */
typedef struct slot {
	const ox_name *domain, *op_type;
	uint64_t n;
} slot;

typedef struct counter {
	ox_arena *arena;
	slot *slots;
	size_t nslots, count;
} counter;

static slot *find_slot(slot *slots, size_t nslots, const ox_name *domain, const ox_name *op_type)
{
	const size_t mask = nslots - 1;
	size_t i = (domain ? domain->hash * 31u : 0) + (op_type ? op_type->hash : 0);

	for (i &= mask; slots[i].n; i = (i + 1) & mask)
		if (slots[i].domain == domain && slots[i].op_type == op_type)
			break;
	return &slots[i];
}

static void grow(counter *c)
{
	const size_t nslots = c->nslots ? c->nslots * 2 : 64;
	slot *slots = ox_new_array(c->arena, slot, nslots);

	for (size_t i = 0; i < c->nslots; i++)
		if (c->slots[i].n)
			*find_slot(slots, nslots, c->slots[i].domain, c->slots[i].op_type) = c->slots[i];
	c->slots = slots;
	c->nslots = nslots;
}

static void count_op(counter *c, const ox_node *n)
{
	/* absent, "" and "ai.onnx" are one domain, shown by no prefix */
	const ox_name *domain = ox_domain_equal(n->domain, NULL) ? NULL : n->domain;

	if (c->count * 2 >= c->nslots)
		grow(c);
	slot *s = find_slot(c->slots, c->nslots, domain, n->op_type);
	if (!s->n++) {
		s->domain = domain;
		s->op_type = n->op_type;
		c->count++;
	}
}

static int by_count(const void *pa, const void *pb)
{
	const ox_op_count *a = pa, *b = pb;
	const size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;

	if (a->n != b->n)
		return a->n < b->n ? 1 : -1;
	const int order = n ? memcmp(a->name.p, b->name.p, n) : 0;
	return order ? order : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

static ox_str op_name(ox_arena *a, const slot *s)
{
	const ox_str d = ox_name_str(s->domain), t = ox_name_str(s->op_type);

	if (!s->domain)
		return t.p ? t : OX_S("");
	char *p = ox_alloc_raw(a, d.n + 1 + t.n + 1);
	memcpy(p, d.p, d.n);
	p[d.n] = '.';
	if (t.n)
		memcpy(p + d.n + 1, t.p, t.n);
	p[d.n + 1 + t.n] = 0;
	return (ox_str){p, d.n + 1 + t.n};
}

static void finish_ops(ox_stats *s, const counter *c, ox_arena *a)
{
	s->ops = ox_new_array(a, ox_op_count, c->count);
	for (size_t i = 0; i < c->nslots; i++)
		if (c->slots[i].n)
			s->ops[s->nops++] = (ox_op_count){op_name(a, &c->slots[i]), c->slots[i].n};
	if (s->nops)
		qsort(s->ops, s->nops, sizeof *s->ops, by_count);
}

/* ---- parameters ------------------------------------------------------------ */

static void count_tensor(ox_stats *s, const ox_tensor *t)
{
	uint64_t n;

	if (!t)
		return;
	if (ox_tensor_count(t, &n))
		add(&s->params, n);
	if (ox_tensor_nbytes(t, &n))
		add(&s->param_bytes, n);
	if (t->source == OX_SRC_EXTERNAL)
		s->external++;
}

static void count_node(ox_stats *s, const ox_node *n)
{
	s->nodes++;
	if (!ox_node_is(n, OX_Constant)) {
		s->nodes_noconst++;
		return;
	}
	const ox_value *v = n->nout ? n->out[0] : NULL;
	if (v && v->home == OX_HOME_CONSTANT)
		count_tensor(s, v->tensor);
}

static void count_initializers(ox_stats *s, const ox_graph *g)
{
	for (size_t i = 0; i < g->inits.n; i++) {
		if (g->inits.p[i]->home == OX_HOME_DEAD)
			continue;
		s->initializers++;
		count_tensor(s, g->inits.p[i]->tensor);
	}
	for (size_t i = 0; i < g->sparse.n; i++) {
		if (g->sparse.p[i]->home == OX_HOME_DEAD)
			continue;
		s->initializers++;
		if (g->sparse.p[i]->sparse)
			count_tensor(s, g->sparse.p[i]->sparse->values);
	}
}

void ox_stats_take(ox_stats *s, const ox_model *m, ox_arena *a)
{
	counter c = {.arena = a};
	size_t ngraphs;
	ox_graph **graphs = ox_model_graphs(m, a, &ngraphs);

	*s = (ox_stats){.graphs = ngraphs};
	for (size_t i = 0; i < ngraphs; i++) {
		count_initializers(s, graphs[i]);
		ox_foreach_node(n, graphs[i]) {
			count_node(s, n);
			count_op(&c, n);
		}
	}
	for (size_t i = 0; i < m->functions.n; i++)
		s->functions += !m->functions.p[i]->dead;
	finish_ops(s, &c, a);
	if (!m->edits && ox_model_file_size(m)) {
		s->bytes = ox_model_file_size(m);
		s->has_bytes = true;
	}
}

uint64_t ox_stats_op(const ox_stats *s, ox_str name)
{
	for (size_t i = 0; i < s->nops; i++)
		if (ox_str_eq(s->ops[i].name, name))
			return s->ops[i].n;
	return 0;
}

/* ---- metrics by name ------------------------------------------------------- */

static const struct {
	const char *name;
	size_t at;
} metrics[] = {
	{"nodes",         offsetof(ox_stats, nodes)},
	{"nodes_noconst", offsetof(ox_stats, nodes_noconst)},
	{"initializers",  offsetof(ox_stats, initializers)},
	{"functions",     offsetof(ox_stats, functions)},
	{"params",        offsetof(ox_stats, params)},
	{"bytes",         offsetof(ox_stats, bytes)},
};

const char *const *ox_metric_names(size_t *n)
{
	static const char *const names[] = {
		"nodes", "nodes_noconst", "initializers", "functions", "params", "bytes",
	};
	_Static_assert(OX_LEN(names) == OX_LEN(metrics), "one name for each metric");

	*n = OX_LEN(names);
	return names;
}

static bool cut_prefix(ox_str *s, ox_str prefix)
{
	if (s->n < prefix.n || memcmp(s->p, prefix.p, prefix.n))
		return false;
	s->p += prefix.n;
	s->n -= prefix.n;
	return true;
}

ox_metric_status ox_metric(const ox_stats *before, const ox_stats *after, ox_str name,
                           uint64_t *value)
{
	const ox_stats *s = cut_prefix(&name, OX_S("before.")) ? before : after;

	if (cut_prefix(&name, OX_S("ops."))) {
		*value = ox_stats_op(s, name);
		return name.n ? OX_METRIC_OK : OX_METRIC_UNKNOWN;
	}
	for (size_t i = 0; i < OX_LEN(metrics); i++) {
		if (!ox_str_eq(name, ox_cstr(metrics[i].name)))
			continue;
		if (metrics[i].at == offsetof(ox_stats, bytes) && !s->has_bytes)
			return OX_METRIC_ABSENT;
		memcpy(value, (const char *)s + metrics[i].at, sizeof *value);
		return OX_METRIC_OK;
	}
	return OX_METRIC_UNKNOWN;
}
