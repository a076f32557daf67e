/* gate.c - law 1: nothing wrong is ever written.
 *
 *     loaded model -> ox_gate_take -> passes -> ox_gate_keeps -> save
 *
 * The result may have no fault that the input did not have, and its interface is the
 * input's: names, order, types and dims of inputs and outputs, metadata, doc strings,
 * opset imports, IR version. What may differ, and nothing else:
 *   - IR version 3 became 4: inputs that were initializers left the list of inputs;
 *   - the same where the user said that initializers are constants;
 *   - local functions were inlined: the opset imports that their bodies had may join the
 *     model's, imports of the functions' own domains may go, and a kept fault of a body
 *     that was called twice is now there twice.
 * A violation is our bug, not the user's: exit 70.
 */
#include "api/api.h"

/* ---- taking the promise ---------------------------------------------------- */

/* Types never change once made; meta may be edited where it is. */
static const ox_meta *copy_meta(const ox_meta *m, ox_arena *a)
{
	if (!m)
		return NULL;
	ox_meta *copy = ox_new(a, ox_meta);
	*copy = *m;
	copy->props = ox_new_array(a, ox_prop, m->nprops);
	for (size_t i = 0; i < m->nprops; i++)
		copy->props[i] = m->props[i];
	return copy;
}

static void take_inputs(ox_gate *gate, const ox_graph *g, ox_arena *a)
{
	gate->inputs = ox_new_array(a, ox_promise, g->inputs.n);
	gate->ninputs = g->inputs.n;
	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_decl *d = &g->inputs.p[i];
		gate->inputs[i] = (ox_promise){
			.name = d->val ? d->val->name : d->name,
			.type = d->type,
			.meta = copy_meta(d->meta, a),
			.dflt = d->val ? d->val->tensor : NULL,
			.overridable = d->val && d->val->overridable,
		};
		if (d->val && d->val->sparse && d->val->sparse->values)
			gate->inputs[i].dflt = d->val->sparse->values;
	}
}

static void take_outputs(ox_gate *gate, const ox_graph *g, ox_arena *a)
{
	gate->outputs = ox_new_array(a, ox_promise, g->outputs.n);
	gate->noutputs = g->outputs.n;
	for (size_t i = 0; i < g->outputs.n; i++) {
		const ox_output *o = g->outputs.p[i];
		gate->outputs[i] = (ox_promise){o->name, o->type, copy_meta(o->meta, a), NULL, false};
	}
}

static void take_functions(ox_gate *gate, const ox_model *m, ox_arena *a)
{
	gate->function_domains = ox_new_array(a, ox_name *, m->functions.n);
	for (size_t i = 0; i < m->functions.n; i++)
		if (!m->functions.p[i]->dead)
			gate->function_domains[gate->nfunctions++] = m->functions.p[i]->domain;
}

bool ox_gate_take(ox_gate *gate, const ox_model *m, ox_arena *a, ox_diag *d)
{
	ox_diag *own = ox_new(a, ox_diag);

	if (d) {
		own->emit = d->emit;
		own->user = d->user;
		own->file = d->file;
		own->limit = d->limit;
	}
	*gate = (ox_gate){
		.seen = own->seen,
		.ir_version = m->ir_version,
		.has_ir_version = m->has_ir_version,
		.model_version = m->model_version,
		.has_model_version = m->has_model_version,
		.producer_name = m->producer_name,
		.producer_version = m->producer_version,
		.domain = m->domain,
		.model_meta = copy_meta(m->meta, a),
		.graph_meta = copy_meta(m->graph->meta, a),
		.graph_name = m->graph->name,
		.nopsets = m->opsets.n,
		.callees = ox_callees_new(m, a),
		.fatal = !ox_check(m, &(ox_check_options){0}, own),
	};
	if (d) {
		d->errors += own->errors;
		d->warnings += own->warnings;
		d->notes += own->notes;
		if (own->exit > d->exit)
			d->exit = own->exit;
		for (size_t i = 0; i < OX_LEN(d->seen); i++)
			d->seen[i] = own->seen[i] > UINT16_MAX - d->seen[i] ? UINT16_MAX
			                                                    : d->seen[i] + own->seen[i];
	}
	gate->opsets = ox_new_array(a, ox_opset, m->opsets.n);
	for (size_t i = 0; i < m->opsets.n; i++)
		gate->opsets[i] = m->opsets.p[i];
	take_inputs(gate, m->graph, a);
	take_outputs(gate, m->graph, a);
	take_functions(gate, m, a);
	return !gate->fatal;
}

void ox_gate_renew(ox_gate *gate, const ox_model *m, ox_arena *a)
{
	take_inputs(gate, m->graph, a);
	take_outputs(gate, m->graph, a);
}

/* ---- comparing ------------------------------------------------------------- */

typedef struct judge {
	const ox_gate *gate;
	const ox_model *m;
	ox_arena *arena;
	ox_diag *diag;
	bool ok;
} judge;

static void broken(judge *j, const char *what, const ox_name *name)
{
	j->ok = false;
	ox_report(j->diag, OX_E_CONTRACT, OX_NOWHERE, "%s%s%s%s of the result differs from the input's",
	          what, name ? " '" : "", name ? ox_show(j->arena, ox_name_str(name)) : "",
	          name ? "'" : "");
}

/* Absence is part of a field. */
static bool same_str(ox_str a, ox_str b)
{
	return !a.p == !b.p && ox_str_eq(a, b);
}

static bool same_meta(const ox_meta *a, const ox_meta *b)
{
	static const ox_meta none;

	if (!a)
		a = &none;
	if (!b)
		b = &none;
	if (!same_str(a->doc, b->doc) || !same_str(a->unknown, b->unknown) || a->nprops != b->nprops)
		return false;
	for (size_t i = 0; i < a->nprops; i++)
		if (!same_str(a->props[i].key, b->props[i].key)
		    || !same_str(a->props[i].value, b->props[i].value))
			return false;
	return true;
}

static bool same_type(const ox_type *a, const ox_type *b)
{
	if (a == b)
		return true;
	if (!a || !b || !ox_type_equal(a, b) || !same_str(a->denotation, b->denotation))
		return false;
	for (uint32_t i = 0; i < a->rank; i++) {
		const ox_str none = OX_ABSENT;
		if (!same_str(a->denotations ? a->denotations[i] : none,
		              b->denotations ? b->denotations[i] : none))
			return false;
	}
	return true;
}

static size_t count_functions(const ox_model *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->functions.n; i++)
		n += !m->functions.p[i]->dead;
	return n;
}

static bool was_inlined(const judge *j)
{
	return count_functions(j->m) < j->gate->nfunctions;
}

static bool ir_was_raised(const judge *j)
{
	return j->gate->ir_version == 3 && j->m->ir_version == 4;
}

static void compare_head(judge *j)
{
	const ox_gate *g = j->gate;
	const ox_model *m = j->m;

	if (g->has_ir_version != m->has_ir_version
	    || (g->ir_version != m->ir_version && !ir_was_raised(j)))
		broken(j, "the IR version", NULL);
	if (g->has_model_version != m->has_model_version || g->model_version != m->model_version)
		broken(j, "the model version", NULL);
	if (!same_str(g->producer_name, m->producer_name)
	    || !same_str(g->producer_version, m->producer_version))
		broken(j, "the producer", NULL);
	if (!same_str(g->domain, m->domain))
		broken(j, "the domain", NULL);
	if (!same_meta(g->model_meta, m->meta))
		broken(j, "the metadata", NULL);
	if (!same_meta(g->graph_meta, m->graph->meta) || g->graph_name != m->graph->name)
		broken(j, "the name or metadata of the graph", NULL);
}

static bool is_function_domain(const ox_gate *g, const ox_name *domain)
{
	for (size_t i = 0; i < g->nfunctions; i++)
		if (ox_domain_equal(g->function_domains[i], domain))
			return true;
	return false;
}

static bool has_opset(const ox_opset *list, size_t n, const ox_opset *o)
{
	for (size_t i = 0; i < n; i++)
		if (ox_domain_equal(list[i].domain, o->domain) && list[i].version == o->version
		    && list[i].has_version == o->has_version)
			return true;
	return false;
}

static void compare_opsets(judge *j)
{
	const ox_gate *g = j->gate;
	const ox_model *m = j->m;
	const bool inlined = was_inlined(j);

	for (size_t i = 0; i < g->nopsets; i++)
		if (!has_opset(m->opsets.p, m->opsets.n, &g->opsets[i])
		    && !(inlined && is_function_domain(g, g->opsets[i].domain)))
			broken(j, "the opset import", g->opsets[i].domain);
	for (size_t i = 0; i < m->opsets.n; i++)
		if (!inlined && !has_opset(g->opsets, g->nopsets, &m->opsets.p[i]))
			broken(j, "the opset import", m->opsets.p[i].domain);
}

/* The default of an input that may be overridden is data of the interface. */
static bool same_default(const judge *j, const ox_promise *p, const ox_value *v)
{
	const ox_tensor *t = v && v->sparse && v->sparse->values ? v->sparse->values
	                     : v                                ? v->tensor
	                                                        : NULL;

	if (!p->dflt != !t)
		return false;
	return !p->overridable || p->dflt == t || ox_tensor_equal(j->m, p->dflt, t);
}

static void compare_inputs(judge *j)
{
	const ox_gate *g = j->gate;
	const ox_graph *graph = j->m->graph;
	const bool may_go = ir_was_raised(j) || j->m->initializers_as_constants;
	size_t at = 0;

	for (size_t i = 0; i < g->ninputs; i++) {
		const ox_promise *p = &g->inputs[i];
		const ox_decl *d = at < graph->inputs.n ? &graph->inputs.p[at] : NULL;
		const ox_name *name = d ? (d->val ? d->val->name : d->name) : NULL;

		if (name != p->name) {
			if (!may_go || !p->dflt)
				broken(j, "the input", p->name);
			continue;
		}
		at++;
		if (!same_type(p->type, d->type))
			broken(j, "the type of input", p->name);
		if (!same_meta(p->meta, d->meta))
			broken(j, "the metadata of input", p->name);
		if (!same_default(j, p, d->val))
			broken(j, "the default of input", p->name);
	}
	if (at != graph->inputs.n)
		broken(j, "the list of inputs", NULL);
}

static void compare_outputs(judge *j)
{
	const ox_gate *g = j->gate;
	const ox_graph *graph = j->m->graph;

	if (g->noutputs != graph->outputs.n) {
		broken(j, "the number of outputs", NULL);
		return;
	}
	for (size_t i = 0; i < g->noutputs; i++) {
		const ox_output *o = graph->outputs.p[i];
		const ox_promise *p = &g->outputs[i];

		if (o->name != p->name || !o->use.val || o->use.val->name != p->name)
			broken(j, "the output", p->name);
		if (!same_type(p->type, o->type))
			broken(j, "the type of output", p->name);
		if (!same_meta(p->meta, o->meta))
			broken(j, "the metadata of output", p->name);
	}
}

/* ---- faults ---------------------------------------------------------------- */

/* Listens to the second check and remembers a message of each code that became more. */
typedef struct listener {
	const judge *judge;
	const ox_diag *now;
	const char *text;             /* of the first new fault */
	const char *path;
	unsigned code;
} listener;

static bool is_new(const judge *j, const ox_diag *now, unsigned code)
{
	const ox_code_row *row = ox_code_find(code);
	const uint16_t was = j->gate->seen[code];

	if (now->seen[code] <= was || !row || row->severity == OX_NOTE)
		return false;
	return row->severity == OX_ERROR || !was || !was_inlined(j);
}

static void listen(void *user, const ox_message *m)
{
	listener *l = user;

	if (l->text || !is_new(l->judge, l->now, m->row->code))
		return;
	l->code = m->row->code;
	l->text = ox_str_copy(l->judge->arena, ox_cstr(m->text)).p;
	l->path = m->at.path ? ox_str_copy(l->judge->arena, ox_cstr(m->at.path)).p : NULL;
}

static void compare_faults(judge *j)
{
	ox_diag *now = ox_new(j->arena, ox_diag);
	listener l = {.judge = j, .now = now};

	now->emit = listen;
	now->user = &l;
	now->limit = UINT32_MAX;
	ox_check(j->m, &(ox_check_options){0}, now);
	if (!l.text)
		return;
	j->ok = false;
	ox_report(j->diag, OX_E_NEW_FAULT, (ox_place){NULL, -1, l.path},
	          "the result has a fault that the input did not have: OX%04u, %s", l.code, l.text);
}

/* A call of a function that is gone calls nothing. */
static void compare_calls(judge *j)
{
	size_t n;
	ox_graph **graphs = j->m->functions.n ? ox_model_graphs(j->m, j->arena, &n) : NULL;

	for (size_t i = 0; graphs && i < n; i++)
		ox_foreach_node(x, graphs[i]) {
			const ox_function *f = x->op == OX_OP_NONE ? ox_callee_of(j->gate->callees, x) : NULL;
			if (f && f->dead)
				broken(j, "the called function", f->name);
		}
}

bool ox_gate_keeps(const ox_gate *gate, const ox_model *m, ox_arena *a, ox_diag *d)
{
	judge j = {.gate = gate, .m = m, .arena = a, .diag = d, .ok = true};

	compare_head(&j);
	compare_opsets(&j);
	compare_inputs(&j);
	compare_outputs(&j);
	compare_calls(&j);
	compare_faults(&j);
	return j.ok;
}
