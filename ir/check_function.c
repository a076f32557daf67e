/* check_function.c - functions of the model, the calls of them, and that no call returns to
 * where it came from.
 *
 * Calls are collected while the nodes are checked, those inside subgraphs of a function
 * included, and the walk over them keeps its own stack: recursion in a model must not
 * become recursion here.
 */
#include "ir/check.h"

enum { MAX_FUNCTIONS = 10000, MAX_CALLS_DEEP = 100 };

/* ---- the table ------------------------------------------------------------ */

static bool same_name(const ox_name *a, const ox_name *b)
{
	return a == b || (!is_named(a) && !is_named(b));
}

static uint32_t find(const checker *c, const ox_name *domain, const ox_name *name,
                     const ox_name *overload)
{
	uint32_t i = name ? check_get(&c->by_name, name) : UINT32_MAX;

	for (; i != UINT32_MAX; i = c->next[i]) {
		const ox_function *f = c->functions[i];
		if (ox_domain_equal(f->domain, domain) && same_name(f->overload, overload))
			return i;
	}
	return UINT32_MAX;
}

uint32_t check_function_index(const checker *c, const ox_function *f)
{
	return f->mark < c->nfunctions && c->functions[f->mark] == f ? f->mark : UINT32_MAX;
}

static ox_place at_function(checker *c, const void *f)
{
	return check_at_graph(c, ((const ox_function *)f)->body);
}

/* Adds functions[i] behind the first of its name. */
static void enter(checker *c, uint32_t i)
{
	ox_function *f = c->functions[i];
	bool fresh;

	c->next[i] = UINT32_MAX;
	check_put(c, &c->domains, check_domain_key(f->domain), i, &fresh);
	if (!is_named(f->name)) {
		FAULT(c, FUNCTION_UNNAMED, at_function(c, f), "function %u has no name", i);
		return;
	}
	if (find(c, f->domain, f->name, f->overload) != UINT32_MAX) {
		FAULT(c, FUNCTION_TWICE, at_function(c, f),
		      "an earlier function of domain '%s' has the name '%s' and the overload '%s' too",
		      check_show(c, f->domain), check_show(c, f->name), check_show(c, f->overload));
		return;
	}
	const uint32_t first = check_put(c, &c->by_name, f->name, i, &fresh);
	if (fresh)
		return;
	c->next[i] = c->next[first];
	c->next[first] = i;
}

/* ---- one function --------------------------------------------------------- */

static void check_attributes(checker *c, const ox_function *f)
{
	bool fresh;

	check_clear(&c->seen);
	for (size_t i = 0; i < f->attributes.n; i++) {
		check_put(c, &c->seen, f->attributes.p[i], 0, &fresh);
		if (!fresh)
			FAULT(c, FUNCTION_ATTR_TWICE, at_function(c, f), "attribute '%s' is declared twice",
			      check_show(c, f->attributes.p[i]));
	}
	for (size_t i = 0; i < f->defaults.n; i++) {
		const ox_attr *a = &f->defaults.p[i];
		if (!is_named(a->name)) {
			FAULT(c, ATTR_UNNAMED, at_function(c, f), "default %zu has no name", i);
			continue;
		}
		check_put(c, &c->seen, a->name, 0, &fresh);
		if (!fresh)
			FAULT(c, FUNCTION_ATTR_TWICE, at_function(c, f), "attribute '%s' is declared twice",
			      check_show(c, a->name));
	}
}

static void check_function(checker *c, const ox_function *f)
{
	if (!f->domain)
		FAULT(c, FUNCTION_DOMAIN, at_function(c, f), "the function has no domain");
	if (!is_named(f->overload) && is_named(f->name)
	    && ox_op_find(f->domain, f->name) != OX_OP_NONE && ox_domain_is_standard(f->domain))
		FAULT(c, FUNCTION_BUILTIN, at_function(c, f), "'%s' is an operator of ONNX itself",
		      check_show(c, f->name));
	check_attributes(c, f);
	check_opsets(c, f->opsets.p, f->opsets.n, at_function(c, f));
	check_props(c, f->meta, at_function, f);
}

void check_functions_begin(checker *c)
{
	const ox_model *m = c->m;

	c->functions = ox_new_array(&c->scratch, ox_function *, m->functions.n);
	c->next = ox_new_array(&c->scratch, uint32_t, m->functions.n);
	for (size_t i = 0; i < m->functions.n; i++) {
		ox_function *f = m->functions.p[i];
		if (f->dead)
			continue;
		f->mark = (uint32_t)c->nfunctions;
		c->functions[c->nfunctions++] = f;
	}
	if (!c->nfunctions)
		return;
	if (m->has_ir_version && m->ir_version < 8)
		FAULT(c, FUNCTION_EARLY, OX_NOWHERE, "the model has functions, which IR version %lld does not have",
		      (long long)m->ir_version);
	if (c->nfunctions > MAX_FUNCTIONS)
		FAULT(c, FUNCTION_COUNT, OX_NOWHERE, "the model has %zu functions, at most %d are read",
		      c->nfunctions, MAX_FUNCTIONS);
	c->declared = ox_new_array(&c->scratch, ptr_map, c->nfunctions);
	for (size_t i = 0; i < c->nfunctions; i++)
		enter(c, (uint32_t)i);
	for (size_t i = 0; i < c->nfunctions; i++)
		check_function(c, c->functions[i]);
}

/* ---- one call ------------------------------------------------------------- */

bool check_declares(checker *c, uint32_t function, const ox_name *attribute)
{
	const ox_function *f = c->functions[function];
	ptr_map *map = &c->declared[function];
	bool fresh;

	if (!map->turn) {
		check_clear(map);
		for (size_t i = 0; i < f->attributes.n; i++)
			check_put(c, map, f->attributes.p[i], 0, &fresh);
		for (size_t i = 0; i < f->defaults.n; i++)
			check_put(c, map, f->defaults.p[i].name, 0, &fresh);
	}
	return check_get(map, attribute) != UINT32_MAX;
}

static void check_call_attributes(checker *c, const ox_node *n, uint32_t function)
{
	const ox_function *f = c->functions[function];
	bool fresh;

	check_clear(&c->seen);
	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_name *name = n->attr[i].name;
		if (!is_named(name))
			continue;
		check_put(c, &c->seen, name, 0, &fresh);
		if (!is_private(name) && !check_declares(c, function, name))
			FAULT(c, CALL_ATTR_UNKNOWN, check_at_node(c, n),
			      "the function does not declare an attribute '%s'", check_show(c, name));
	}
	/* the first that is missing says enough, and a long list of them is not gone through */
	for (size_t i = 0; i < f->attributes.n; i++)
		if (check_get(&c->seen, f->attributes.p[i]) == UINT32_MAX) {
			FAULT(c, CALL_ATTR_MISSING, check_at_node(c, n),
			      "attribute '%s' has no default and is not given",
			      check_show(c, f->attributes.p[i]));
			return;
		}
}

bool check_call(checker *c, const ox_node *n, const scope *s)
{
	if (!c->nfunctions)
		return false;
	const uint32_t i = find(c, n->domain, n->op_type, n->overload);
	if (i == UINT32_MAX) {
		if (!ox_domain_is_standard(n->domain)
		    && check_get(&c->domains, check_domain_key(n->domain)) != UINT32_MAX)
			FAULT(c, CALL_UNDEFINED, check_at_node(c, n),
			      "domain '%s' has functions, but none is '%s' with the overload '%s'",
			      check_show(c, n->domain), check_show(c, n->op_type),
			      check_show(c, n->overload));
		return false;
	}
	const ox_function *f = c->functions[i];
	if (n->nin > f->body->inputs.n)
		FAULT(c, CALL_INPUTS, check_at_node(c, n), "%u inputs are given, the function has %zu",
		      n->nin, f->body->inputs.n);
	if (n->nout > f->body->outputs.n)
		FAULT(c, CALL_OUTPUTS, check_at_node(c, n), "%u outputs are taken, the function has %zu",
		      n->nout, f->body->outputs.n);
	check_call_attributes(c, n, i);
	if (s->caller != UINT32_MAX)
		*ox_push(&c->scratch, &c->calls) = (call){s->caller, i};
	return true;
}

/* ---- recursion ------------------------------------------------------------ */

/* Calls sorted by caller: those of i are to[start[i]] up to to[start[i + 1]]. */
typedef struct call_lists {
	uint32_t *start, *to;
} call_lists;

static call_lists sort_calls(checker *c)
{
	const size_t n = c->nfunctions;
	call_lists l = {ox_new_array(&c->scratch, uint32_t, n + 2),
	                ox_new_array(&c->scratch, uint32_t, c->calls.n)};

	for (size_t i = 0; i < c->calls.n; i++)
		l.start[c->calls.p[i].from + 2]++;
	for (size_t i = 2; i < n + 2; i++)
		l.start[i] += l.start[i - 1];
	for (size_t i = 0; i < c->calls.n; i++)
		l.to[l.start[c->calls.p[i].from + 1]++] = c->calls.p[i].to;
	return l;
}

enum { NEW, OPEN, DONE };

typedef struct walk {
	uint32_t *stack, *at, *depth;
	uint8_t *state;
} walk;

/* From `root` through all calls not seen yet; depth is that of the longest chain below. */
static void walk_from(checker *c, const call_lists *l, walk *w, uint32_t root)
{
	size_t top = 0;

	w->stack[0] = root;
	w->state[root] = OPEN;
	w->at[root] = l->start[root];
	for (;;) {
		const uint32_t f = w->stack[top];
		if (w->at[f] < l->start[f + 1]) {
			const uint32_t to = l->to[w->at[f]++];
			if (w->state[to] == OPEN) {
				FAULT(c, FUNCTION_RECURSION, at_function(c, c->functions[f]),
				      "the function calls '%s', which leads back to it",
				      check_show(c, c->functions[to]->name));
			} else if (w->state[to] == NEW) {
				w->state[to] = OPEN;
				w->at[to] = l->start[to];
				w->stack[++top] = to;
			} else if (w->depth[to] + 1 > w->depth[f]) {
				w->depth[f] = w->depth[to] + 1;
			}
			continue;
		}
		w->state[f] = DONE;
		if (w->depth[f] == MAX_CALLS_DEEP)
			FAULT(c, FUNCTION_DEPTH, at_function(c, c->functions[f]),
			      "calls are nested %u deep below this function, at most %d are read",
			      w->depth[f] + 1, MAX_CALLS_DEEP);
		if (!top)
			return;
		const uint32_t caller = w->stack[--top];
		if (w->depth[f] + 1 > w->depth[caller])
			w->depth[caller] = w->depth[f] + 1;
	}
}

void check_functions_end(checker *c)
{
	if (!c->calls.n)
		return;
	const size_t n = c->nfunctions;
	const call_lists l = sort_calls(c);
	walk w = {
		.stack = ox_new_array(&c->scratch, uint32_t, n),
		.at = ox_new_array(&c->scratch, uint32_t, n),
		.depth = ox_new_array(&c->scratch, uint32_t, n),
		.state = ox_new_array(&c->scratch, uint8_t, n),
	};
	for (size_t i = 0; i < n; i++)
		if (w.state[i] == NEW)
			walk_from(c, &l, &w, (uint32_t)i);
}
