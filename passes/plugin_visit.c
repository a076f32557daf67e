/* plugin_visit.c - a visit of a plugin's pass: handles, faults, and a look at the result.
 *
 *     attempt -> visit -> [plugin: host functions] -> what was touched is checked -> commit
 *                                                  -> types are compared (settled)
 *
 * A handle is a number, not an address: the serial number of the visit, an index into what
 * this visit has handed out, and what it is. Whatever a plugin passes in is looked up first.
 * The first thing that is wrong is kept, everything after it refused, and when the plugin
 * returns the transaction is undone and the run ends: nothing a plugin says is believed.
 *
 * Memory that ends within a host function leaves by longjmp over the plugin's frames: the
 * plugin is never called again in that run.
 */
#include "passes/plugin.h"

#include "base/os.h"

#include <stdatomic.h>

enum { KIND_NODE = 1, KIND_VALUE = 2, KIND_CTX = 3, KIND_BITS = 2, SERIAL_AT = sizeof(uintptr_t) * 4,
       MOST_SERIAL = sizeof(uintptr_t) == 8 ? INT32_MAX : INT16_MAX };

static _Thread_local ox_visit *now;
static _Thread_local uint32_t serial;
static atomic_bool strayed;

/* ---- faults ------------------------------------------------------------------------- */

bool ox_visit_fault(ox_visit *v, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (v->fault)
		return false;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	v->fault = ox_str_copy(v->c->scratch, ox_cstr(text)).p;
	return false;
}

bool ox_plugin_strayed(void)
{
	return atomic_exchange(&strayed, false);
}

bool ox_visit_text(ox_visit *v, const char *s, const char *what)
{
	return (s && strnlen(s, 4096) < 4096)
	       || ox_visit_fault(v, "%s is %s", what, s ? "longer than 4095 bytes" : "NULL");
}

/* ---- handles ------------------------------------------------------------------------- */

static uintptr_t number_of(const ox_visit *v, size_t index, unsigned kind)
{
	return ((uintptr_t)v->serial << SERIAL_AT) | (uintptr_t)index << KIND_BITS | kind;
}

ox_visit *ox_visit_of(onnxopt_ctx *c)
{
	if (now && (uintptr_t)c == number_of(now, 0, KIND_CTX))
		return now->fault ? NULL : now;
	if (now)
		ox_visit_fault(now, "a host function was called with a context that is not this visit's");
	else
		atomic_store(&strayed, true);
	return NULL;
}

static size_t slot_of(const ox_visit *v, const void *thing)
{
	size_t i = ox_hash(&thing, sizeof thing, 0) & (v->nslots - 1);

	while (v->slots[i] && v->things.p[v->slots[i] - 1].p != thing)
		i = (i + 1) & (v->nslots - 1);
	return i;
}

static void widen(ox_visit *v)
{
	v->nslots = v->nslots ? v->nslots * 2 : 32;
	v->slots = ox_new_array(v->c->scratch, uint32_t, v->nslots);
	for (size_t i = 0; i < v->things.n; i++)
		v->slots[slot_of(v, v->things.p[i].p)] = (uint32_t)i + 1;
}

static uintptr_t handle(ox_visit *v, void *thing, unsigned kind)
{
	if (!thing)
		return 0;
	if (v->things.n * 2 >= v->nslots)
		widen(v);
	const size_t i = slot_of(v, thing);
	if (!v->slots[i]) {
		*ox_push(v->c->scratch, &v->things) = (struct ox_thing){thing, kind};
		v->slots[i] = (uint32_t)v->things.n;
	}
	return number_of(v, v->slots[i] - 1, kind);
}

static void *thing_of(ox_visit *v, uintptr_t h, unsigned kind, const char *what)
{
	const uintptr_t index = (h & (((uintptr_t)1 << SERIAL_AT) - 1)) >> KIND_BITS;

	if (!h)
		ox_visit_fault(v, "a host function was given NULL for a %s", what);
	else if (h >> SERIAL_AT != v->serial || index >= v->things.n)
		ox_visit_fault(v, "a host function was given a %s that is not of this visit", what);
	else if ((h & 3) != kind || v->things.p[index].kind != kind)
		ox_visit_fault(v, "a host function was given something else for a %s", what);
	else
		return v->things.p[index].p;
	return NULL;
}

onnxopt_node *ox_node_handle(ox_visit *v, ox_node *n)
{
	return (onnxopt_node *)handle(v, n, KIND_NODE);
}

onnxopt_value *ox_value_handle(ox_visit *v, ox_value *x)
{
	return (onnxopt_value *)handle(v, x, KIND_VALUE);
}

ox_node *ox_visit_node(ox_visit *v, const onnxopt_node *h)
{
	ox_node *n = thing_of(v, (uintptr_t)h, KIND_NODE, "node");

	if (n && !n->graph)
		ox_visit_fault(v, "a host function was given a node that is gone");
	return n && n->graph ? n : NULL;
}

ox_value *ox_visit_value(ox_visit *v, const onnxopt_value *h)
{
	ox_value *x = thing_of(v, (uintptr_t)h, KIND_VALUE, "value");

	if (x && x->home == OX_HOME_DEAD)
		ox_visit_fault(v, "a host function was given a value that is gone");
	return x && x->home != OX_HOME_DEAD ? x : NULL;
}

/* ---- what was left behind ------------------------------------------------------------- */

/* Does a stand before b in their graph? Both ways at once, since they are mostly near. */
static bool precedes(const ox_node *a, const ox_node *b)
{
	const ox_node *up = b->prev, *down = a;

	while (up || down) {
		if (up == a)
			return true;
		if (down == b)
			return a != b;
		up = up ? up->prev : NULL;
		down = down ? down->next : NULL;
	}
	return false;
}

/* The node of graph g in which n is; n itself, if it is g's own. */
static const ox_node *within(const ox_node *n, const ox_graph *g)
{
	while (n && n->graph != g)
		n = n->graph->parent;
	return n;
}

static bool is_behind_its_operands(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nin; i++) {
		const ox_node *maker = n->in[i].val ? n->in[i].val->def : NULL;
		const ox_node *at = maker ? within(n, maker->graph) : NULL;
		if (at && (at == maker || !precedes(maker, at)))
			return false;
	}
	return true;
}

static void first_error(void *user, const ox_message *m)
{
	ox_visit *v = user;

	if (m->severity == OX_ERROR)
		ox_visit_fault(v, "it left a node wrong, OX%04u: %s (%s)", (unsigned)m->row->code, m->text,
		               m->at.path ? m->at.path : "");
}

static void check_touched(void *user, ox_node *n)
{
	ox_visit *v = user;
	ox_diag *quiet = ox_new(v->c->scratch, ox_diag);
	bool moved;

	if (v->fault)
		return;
	*quiet = (ox_diag){.emit = first_error, .user = v};
	if (!ox_check_node(n, quiet))
		ox_visit_fault(v, "it left a node wrong");
	/* In front of what it reads: perhaps just listed so, perhaps a cycle. */
	if (!v->fault && !is_behind_its_operands(n)) {
		const ox_node *up = n;
		for (bool sorted = true; up && sorted; up = up->graph->parent)
			if (!(sorted = ox_graph_sort(up->graph, &moved)))
				ox_visit_fault(v, "it left a cycle: a node needs its own result");
	}
}

static void look_at_changes(ox_visit *v)
{
	if (!ox_txn_size(v->c->m))
		ox_visit_fault(v, "it returned ONNXOPT_CHANGED, and had changed nothing");
	else
		ox_txn_each_touched(v->c->m, check_touched, v);
}

/* Proven to be different in kind, element type, rank, or a dim. */
static bool contradicts(ox_model *m, const ox_type *a, const ox_type *b)
{
	if (!a || !b || a->kind == OX_T_NONE || b->kind == OX_T_NONE)
		return false;
	if (a->kind != b->kind)
		return true;
	if (a->kind != OX_T_TENSOR)
		return false;
	if (a->elem && b->elem && a->elem != b->elem)
		return true;
	if (!a->has_shape || !b->has_shape)
		return false;
	for (uint32_t i = 0; a->rank == b->rank && i < a->rank; i++)
		if (ox_dim_eq(m, ox_dim_resolve(m, a->dims[i]), ox_dim_resolve(m, b->dims[i])) == OX_NO)
			return true;
	return a->rank != b->rank;
}

static void report(ox_ctx *c, const ox_plugin_pass *p, ox_code code, const ox_node *n, const char *text)
{
	const ox_place at = {NULL, -1, n ? ox_node_path(n, &c->m->arena) : NULL};

	ox_report(c->diag, code, at, "plugin '%s', pass '%s': %s", p->plugin->name, p->api->name, text);
}

bool ox_plugin_settled(ox_ctx *c)
{
	ox_plugin_pass *p = c->pass->plugin;

	for (size_t i = 0; i < p->swaps.n; i++) {
		const ox_value *x = p->swaps.p[i].now;
		if (x->home == OX_HOME_DEAD || !contradicts(c->m, p->swaps.p[i].type, ox_type_known(c->m, x)))
			continue;
		report(c, p, OX_E_PLUGIN_FAULT, x->def,
		       ox_str_printf(&c->m->arena, "it replaced a value by '%s', which has another type or shape",
		                     ox_show(&c->m->arena, ox_name_str(x->name))).p);
		return false;
	}
	return true;
}

/* ---- the visit ------------------------------------------------------------------------- */

static bool same_domain(const ox_name *d, const char *domain)
{
	return d && d->n ? !strcmp(d->s, domain) : !*domain;
}

/* The manager has looked at operators of the table. */
static bool is_root(const ox_plugin_pass *p, const ox_node *n)
{
	if (n->op)
		return true;
	for (const ox_named_op *r = p->named; r->type; r++)
		if (n->op_type && !strcmp(n->op_type->s, r->type) && same_domain(n->domain, r->domain))
			return true;
	return false;
}

/* As if the visit had not been. */
static void undo(ox_ctx *c)
{
	ox_txn_abandon(c->m);
	ox_txn_begin(c->m);
}

static ox_status conclude(ox_visit *v, onnxopt_verdict verdict)
{
	ox_ctx *c = v->c;

	if (ox_plugin_strayed())
		ox_visit_fault(v, "a host function was called while no visit was under way, or from another thread");
	if ((unsigned)verdict > ONNXOPT_GAVE_UP)
		ox_visit_fault(v, "it returned %d, which is no verdict", (int)verdict);
	if (!v->fault && verdict == ONNXOPT_CHANGED)
		look_at_changes(v);
	if (!v->fault && verdict == ONNXOPT_CHANGED)
		return OX_CHANGED;
	if (ox_txn_size(c->m))
		undo(c);
	if (v->fault)
		report(c, v->pass, OX_E_PLUGIN_FAULT, v->root, v->fault);
	else if (verdict == ONNXOPT_GAVE_UP)
		report(c, v->pass, OX_E_PLUGIN_GAVE_UP, v->root, v->why ? v->why : "it gave no reason");
	return v->fault || verdict == ONNXOPT_GAVE_UP ? OX_FAILED : OX_SAME;
}

ox_status ox_plugin_visit(ox_ctx *c, ox_node *n)
{
	ox_plugin_pass *p = c->pass->plugin;
	ox_visit v = {.c = c, .root = n, .graph = n->graph, .pass = p};

	if (!is_root(p, n))
		return OX_SAME;
	p->swaps.n = 0;
	serial = serial % MOST_SERIAL + 1;
	v.serial = serial;
	now = &v;
	onnxopt_node *root = ox_node_handle(&v, n);
	ox_step_begin(p->plugin->name, p->step);
	onnxopt_ctx *ctx = (onnxopt_ctx *)number_of(&v, 0, KIND_CTX);
	const onnxopt_verdict verdict = p->api->visit(ctx, root, p->plugin->state);
	ox_step_end();
	now = NULL;
	return conclude(&v, verdict);
}
