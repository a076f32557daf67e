/* check.c - the checker: is the model what ONNX says, and if not, can it still be read?
 *
 * Works on a linked model; what the file and the names have wrong was said before, by
 * proto/ and ir/link.c. Fatal is what leaves open what the model means; everything else is
 * kept and warned about. Notes are given under `strict` only: they are legal, but seldom
 * meant. docs/checks.md lists them all.
 */
#include "ir/check.h"

#include <stdlib.h>

enum {
	NEWEST_IR = 14,
	FAR_IR = 64,                  /* beyond it the number is no version, but damage */
	MOST_OPSETS = 1000,
};

/* ---- reporting ------------------------------------------------------------ */

bool check_counts(checker *c, ox_code code)
{
	const ox_diag *d = c->d;

	if (ox_code_find(code)->severity == OX_ERROR)
		c->fatal = true;
	if (!d)
		return false;
	if (d->emit && d->seen[code] < (d->limit ? d->limit : 20))
		return true;
	ox_report(c->d, code, OX_NOWHERE, "%s", "");
	return false;
}

ox_place check_at_graph(checker *c, const ox_graph *g)
{
	return (ox_place){NULL, -1, ox_graph_path(g, &c->scratch)};
}

ox_place check_at_node(checker *c, const ox_node *n)
{
	return (ox_place){NULL, -1, ox_node_path(n, &c->scratch)};
}

const char *check_show(checker *c, const ox_name *name)
{
	return ox_show(&c->scratch, name ? ox_name_str(name) : OX_S(""));
}

/* ---- sets ----------------------------------------------------------------- */

static bool is_taken(const ptr_map *map, size_t i)
{
	return map->slots[i].turn == map->turn;
}

static size_t slot_of(const ptr_map *map, const void *key)
{
	/* names come from one arena: neighbours differ in the bits above the alignment */
	size_t i = (size_t)(((uint64_t)(uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u >> 32);

	for (i &= map->nslots - 1; is_taken(map, i) && map->slots[i].key != key;)
		i = (i + 1) & (map->nslots - 1);
	return i;
}

static void grow(checker *c, ptr_map *map)
{
	const ptr_map old = *map;

	map->nslots = old.nslots ? old.nslots * 2 : 64;
	map->slots = ox_alloc_array(&c->scratch, map->nslots, sizeof *map->slots);
	map->turn = 1;
	for (size_t i = 0; i < old.nslots; i++) {
		if (!is_taken(&old, i))
			continue;
		const size_t to = slot_of(map, old.slots[i].key);
		map->slots[to] = old.slots[i];
		map->slots[to].turn = 1;
	}
}

uint32_t check_put(checker *c, ptr_map *map, const void *key, uint32_t value, bool *fresh)
{
	if (map->n * 2 >= map->nslots)
		grow(c, map);
	const size_t i = slot_of(map, key);
	*fresh = !is_taken(map, i);
	if (*fresh) {
		map->slots[i].key = key;
		map->slots[i].value = value;
		map->slots[i].turn = map->turn;
		map->n++;
	}
	return map->slots[i].value;
}

uint32_t check_get(const ptr_map *map, const void *key)
{
	if (!map->n)
		return UINT32_MAX;
	const size_t i = slot_of(map, key);
	return is_taken(map, i) ? map->slots[i].value : UINT32_MAX;
}

void check_clear(ptr_map *map)
{
	map->turn++;
	map->n = 0;
}

/* ---- metadata ------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	const ox_str x = ((const ox_prop *)a)->key, y = ((const ox_prop *)b)->key;
	const int order = memcmp(x.p ? x.p : "", y.p ? y.p : "", x.n < y.n ? x.n : y.n);

	return order ? order : (x.n > y.n) - (x.n < y.n);
}

/* A few keys, as on the nodes of some exporters, are compared pairwise: no allocation. */
static const ox_prop *twice_among_few(const ox_prop *p, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (ox_str_eq(p[i].key, p[k].key))
				return &p[i];
	return NULL;
}

static const ox_prop *twice_among_many(checker *c, const ox_prop *p, size_t n)
{
	ox_prop *sorted = ox_new_array(&c->scratch, ox_prop, n);

	memcpy(sorted, p, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_key);
	for (size_t i = 1; i < n; i++)
		if (ox_str_eq(sorted[i - 1].key, sorted[i].key))
			return &sorted[i];
	return NULL;
}

void check_props(checker *c, const ox_meta *meta, ox_place (*place)(checker *, const void *),
                 const void *what)
{
	if (!meta || meta->nprops < 2)
		return;
	const ox_prop *p = meta->nprops <= 12 ? twice_among_few(meta->props, meta->nprops)
	                                      : twice_among_many(c, meta->props, meta->nprops);
	if (p)
		FAULT(c, METADATA_TWICE, place(c, what), "metadata has the key '%s' twice",
		      ox_show(&c->scratch, p->key.p ? p->key : OX_S("")));
}

static ox_place place_nowhere(checker *c, const void *what)
{
	(void)c, (void)what;
	return OX_NOWHERE;
}

static ox_place place_graph(checker *c, const void *g)
{
	return check_at_graph(c, g);
}

static ox_place place_node(checker *c, const void *n)
{
	return check_at_node(c, n);
}

/* ---- versions ------------------------------------------------------------- */

static void check_ir_version(checker *c)
{
	const int64_t v = c->m->ir_version;

	if (!c->m->has_ir_version)
		FAULT(c, IR_VERSION, OX_NOWHERE, "the model has no ir_version");
	else if (v < 1 || v > FAR_IR)
		FAULT(c, IR_VERSION, OX_NOWHERE, "ir_version is %lld, expected 1 to %d",
		      (long long)v, NEWEST_IR);
	else if (v > NEWEST_IR)
		FAULT(c, IR_VERSION_NEW, OX_NOWHERE, "ir_version is %lld, known are versions up to %d",
		      (long long)v, NEWEST_IR);
}

/* One key for all spellings of the default domain. */
const void *check_domain_key(const ox_name *d)
{
	static const char onnx;

	return is_default_domain(d) ? (const void *)&onnx : d;
}

static void check_version(checker *c, const ox_opset *o, ox_place place)
{
	const bool standard = ox_domain_is_standard(o->domain);

	/* "0" for a custom domain that nobody gave a version is common and harmless. */
	if (o->version < standard || o->version > INT32_MAX || (standard && !o->has_version)) {
		FAULT(c, OPSET_VERSION, place, "domain '%s' is imported with version %lld",
		      check_show(c, o->domain), (long long)o->version);
		return;
	}
	if (!standard)
		return;
	const int64_t newest = ox_newest_opset(o->domain ? o->domain->s : "");
	if (o->version > newest)
		FAULT(c, OPSET_NEW, place, "domain '%s' is imported with version %lld, known are versions up to %lld",
		      check_show(c, o->domain), (long long)o->version, (long long)newest);
}

void check_opsets(checker *c, const ox_opset *sets, size_t n, ox_place place)
{
	check_clear(&c->seen);
	for (size_t i = 0; i < n; i++) {
		bool fresh;
		const uint32_t first = check_put(c, &c->seen, check_domain_key(sets[i].domain), (uint32_t)i, &fresh);
		check_version(c, &sets[i], place);
		if (fresh)
			continue;
		if (sets[first].version == sets[i].version)
			FAULT(c, OPSET_TWICE, place, "domain '%s' is imported twice, both times with version %lld",
			      check_show(c, sets[i].domain), (long long)sets[i].version);
		else
			FAULT(c, OPSET_CONFLICT, place, "domain '%s' is imported with versions %lld and %lld",
			      check_show(c, sets[i].domain), (long long)sets[first].version,
			      (long long)sets[i].version);
	}
}

/* An opset is searched for at many nodes; a list of a million of them is an attack. */
static bool opsets_are_few(checker *c)
{
	size_t most = c->m->opsets.n;

	for (size_t i = 0; i < c->m->functions.n; i++)
		if (c->m->functions.p[i]->opsets.n > most)
			most = c->m->functions.p[i]->opsets.n;
	if (most > MOST_OPSETS)
		FAULT(c, OPSET_COUNT, OX_NOWHERE, "%zu opset imports in one list, at most %d are read", most,
		      MOST_OPSETS);
	return most <= MOST_OPSETS;
}

static void check_model_opsets(checker *c)
{
	const ox_model *m = c->m;

	if (m->ir_version >= 3 && !m->opsets.n)
		FAULT(c, OPSETS_MISSING, OX_NOWHERE, "the model imports no opset, IR version %lld requires one",
		      (long long)m->ir_version);
	if (m->ir_version > 0 && m->ir_version < 3 && m->opsets.n)
		FAULT(c, OPSETS_EARLY, OX_NOWHERE, "the model imports opsets, which IR version %lld does not have",
		      (long long)m->ir_version);
	check_opsets(c, m->opsets.p, m->opsets.n, OX_NOWHERE);
}

/* ---- declared types ------------------------------------------------------- */

static bool is_known_dtype(ox_dtype t)
{
	return t > OX_UNDEFINED && t < OX_NDTYPES;
}

static void check_dim(checker *c, ox_dim d, uint32_t i, const ox_graph *g, const ox_name *name)
{
	if (!d)
		return;
	if (d->kind == OX_DIM_SYM) {
		if (c->strict && !is_named(d->sym))
			FAULT(c, DIM_EMPTY, check_at_graph(c, g), "'%s': dim %u has an empty name",
			      check_show(c, name), i);
		return;
	}
	if (d->kind != OX_DIM_NUM)
		return;
	if (d->num == -1)
		FAULT(c, DIM_UNKNOWN, check_at_graph(c, g), "'%s': dim %u is -1", check_show(c, name), i);
	else if (d->num < 0)
		FAULT(c, DIM_NEGATIVE, check_at_graph(c, g), "'%s': dim %u is %lld, expected 0 or more",
		      check_show(c, name), i, (long long)d->num);
}

/* Types are nested as deep as messages may be; they are walked, not recursed into. */
void check_type(checker *c, const ox_type *t, const ox_graph *g, const ox_name *name)
{
	for (; t; t = t->of) {
		if (t->has_elem && !is_known_dtype(t->elem) && t->elem != OX_UNDEFINED)
			FAULT(c, TYPE_DTYPE, check_at_graph(c, g), "'%s': element type %d is not known",
			      check_show(c, name), (int)t->elem);
		for (uint32_t i = 0; i < t->rank; i++)
			check_dim(c, t->dims[i], i, g, name);
	}
}

/* What is missing in a type that a caller of the model must know, or NULL. */
static const char *missing_in(const ox_type *t)
{
	for (; t; t = t->of) {
		const bool elem = t->has_elem && t->elem != OX_UNDEFINED;
		switch (t->kind) {
		case OX_T_NONE:
			return "no type";
		case OX_T_TENSOR:
		case OX_T_SPARSE:
			return elem ? NULL : "a tensor type without an element type";
		case OX_T_SEQUENCE:
		case OX_T_OPTIONAL:
			if (!t->of)
				return "a sequence or optional type without an element type";
			break;
		case OX_T_MAP:
			if (!elem || !t->of)
				return "a map type without a key or a value type";
			break;
		case OX_T_OPAQUE:
			return t->name.n ? NULL : "an opaque type without a name";
		}
	}
	return "no type";
}

static void check_interface(checker *c, const ox_type *t, const char *what, size_t i,
                            const ox_name *name)
{
	const ox_graph *g = c->m->graph;
	const char *missing = missing_in(t);

	if (missing) {
		FAULT(c, IO_TYPE, check_at_graph(c, g), "%s %zu '%s' has %s", what, i,
		      check_show(c, name), missing);
		return;
	}
	if ((t->kind == OX_T_TENSOR || t->kind == OX_T_SPARSE) && !t->has_shape)
		FAULT(c, IO_SHAPE, check_at_graph(c, g), "%s %zu '%s' has no shape", what, i,
		      check_show(c, name));
}

/* What is declared of a value, against the tensor that it is. */
static void check_declared(checker *c, const ox_type *t, const ox_value *v)
{
	const ox_tensor *x = v ? v->tensor : NULL;

	if (!t || !x)
		return;
	if (t->kind != OX_T_TENSOR) {
		if (t->kind != OX_T_NONE)
			FAULT(c, DECLARED_TENSOR, check_at_graph(c, v->graph),
			      "'%s' is a tensor, but declared to be none", check_show(c, v->name));
		return;
	}
	if (t->has_elem && t->elem != OX_UNDEFINED && t->elem != x->dtype) {
		FAULT(c, DECLARED_TENSOR, check_at_graph(c, v->graph),
		      "'%s' is declared as %s, its tensor is %s", check_show(c, v->name),
		      ox_dtype_name(t->elem), ox_dtype_name(x->dtype));
		return;
	}
	if (!t->has_shape)
		return;
	if (t->rank != x->rank) {
		FAULT(c, DECLARED_TENSOR, check_at_graph(c, v->graph),
		      "'%s' is declared with %u dims, its tensor has %u", check_show(c, v->name),
		      t->rank, x->rank);
		return;
	}
	for (uint32_t i = 0; i < t->rank; i++) {
		const ox_dim d = t->dims[i];
		if (d && d->kind == OX_DIM_NUM && d->num >= 0 && d->num != x->dims[i]) {
			FAULT(c, DECLARED_TENSOR, check_at_graph(c, v->graph),
			      "'%s': dim %u is declared as %lld, its tensor has %lld",
			      check_show(c, v->name), i, (long long)d->num, (long long)x->dims[i]);
			return;
		}
	}
}

/* ---- graphs --------------------------------------------------------------- */

static void check_inputs(checker *c, const ox_graph *g)
{
	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_decl *d = &g->inputs.p[i];
		if (g == c->m->graph)
			check_interface(c, d->type, "input", i, d->name);
		check_type(c, d->type, g, d->name);
		check_declared(c, d->type, d->val);
		check_props(c, d->meta, place_graph, g);
	}
}

static void check_outputs(checker *c, const ox_graph *g)
{
	if (g == c->m->graph && !g->outputs.n)
		FAULT(c, GRAPH_NO_OUTPUT, check_at_graph(c, g), "the graph has no outputs");
	check_clear(&c->seen);
	for (size_t i = 0; i < g->outputs.n; i++) {
		const ox_output *o = g->outputs.p[i];
		bool fresh;
		if (g == c->m->graph)
			check_interface(c, o->type, "output", i, o->name);
		check_type(c, o->type, g, o->name);
		check_declared(c, o->type, o->use.val);
		check_props(c, o->meta, place_graph, g);
		if ((!c->strict && !g->function) || !is_named(o->name))
			continue;
		const uint32_t first = check_put(c, &c->seen, o->name, (uint32_t)i, &fresh);
		if (fresh)
			continue;
		if (g->function)
			FAULT(c, FUNCTION_OUTPUT_TWICE, check_at_graph(c, g),
			      "outputs %u and %zu are both '%s'", first, i, check_show(c, o->name));
		else
			FAULT(c, OUTPUT_TWICE, check_at_graph(c, g), "outputs %u and %zu are both '%s'",
			      first, i, check_show(c, o->name));
	}
}

static void check_value_info(checker *c, const ox_graph *g)
{
	for (size_t i = 0; i < g->value_info.n; i++) {
		const ox_decl *d = &g->value_info.p[i];
		if (!ox_decl_lives(d))
			continue;
		check_type(c, d->type, g, ox_decl_name(d));
		check_declared(c, d->type, d->val);
		check_props(c, d->meta, place_graph, g);
	}
}

static void check_initializers(checker *c, const ox_graph *g)
{
	const bool old = c->m->has_ir_version && ox_ir_is_old(c->m);

	for (size_t i = 0; i < g->inits.n; i++) {
		const ox_value *v = g->inits.p[i];
		if (v->home == OX_HOME_DEAD || !v->tensor)
			continue;
		check_tensor(c, v->tensor, g, NULL, v->name);
		if (old && !v->is_input)
			FAULT(c, INITIALIZER_NO_INPUT, check_at_graph(c, g),
			      "initializer '%s' is not an input, which IR version %lld requires",
			      check_show(c, v->name), (long long)c->m->ir_version);
	}
	for (size_t i = 0; i < g->sparse.n; i++) {
		const ox_value *v = g->sparse.p[i];
		if (v->home != OX_HOME_DEAD && v->sparse)
			check_sparse(c, v->sparse, g, NULL, v->name);
	}
}

static bool has_value(const ox_node *n, const ox_value *v)
{
	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i].val == v)
			return true;
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] == v)
			return true;
	return false;
}

static void check_devices(checker *c, const ox_node *n)
{
	for (size_t i = 0; i < n->ndevices; i++) {
		const ox_device_config *d = &n->devices[i];
		if (!d->id.n || !c->m->configuration.n)
			FAULT(c, DEVICE_CONFIG, check_at_node(c, n),
			      "device configuration '%s' is not one of the model's",
			      ox_show(&c->scratch, d->id.p ? d->id : OX_S("")));
		for (size_t k = 0; k < d->nshards; k++) {
			const ox_ref *r = &d->shards[k].tensor;
			if (r->val && ox_ref_lives(r) && !has_value(n, r->val))
				FAULT(c, DEVICE_SHARD, check_at_node(c, n),
				      "sharding of '%s', which the node neither reads nor makes",
				      check_show(c, ox_ref_name(r)));
		}
	}
}

static void check_node_names(checker *c, const ox_graph *g)
{
	ox_names names;

	ox_names_init(&names, &c->scratch);
	ox_foreach_node(n, g) {
		if (!n->name.n)
			continue;
		ox_name *name = ox_intern_str(&names, n->name);
		if (name->mark)
			FAULT(c, NODE_NAME_TWICE, check_at_node(c, n), "an earlier node is named '%s' too",
			      check_show(c, name));
		name->mark = 1;
	}
}

static scope scope_of(const checker *c, const ox_graph *g)
{
	const ox_function *f = ox_graph_function(g);

	return (scope){
		.graph = g,
		.function = f,
		.caller = f ? check_function_index(c, f) : UINT32_MAX,
		.opset = ox_opset_of(g, NULL),
		.model_opset = c->m->graph ? ox_opset_of(c->m->graph, NULL) : 0,
	};
}

static void check_graph(checker *c, const ox_graph *g)
{
	const scope s = scope_of(c, g);

	if (!g->function && !is_named(g->name))
		FAULT(c, GRAPH_UNNAMED, check_at_graph(c, g), "the graph has no name");
	check_inputs(c, g);
	check_outputs(c, g);
	check_value_info(c, g);
	check_initializers(c, g);
	check_props(c, g->meta, place_graph, g);
	ox_foreach_node(n, g) {
		check_node(c, n, &s);
		if (n->ndevices)
			check_devices(c, n);
		if (n->meta)
			check_props(c, n->meta, place_node, n);
	}
	if (c->strict)
		check_node_names(c, g);
}

/* ---- training ------------------------------------------------------------- */

static void check_training(checker *c)
{
	const ox_model *m = c->m;

	for (size_t i = 0; i < m->training.n; i++) {
		const ox_training *t = &m->training.p[i];
		for (size_t k = 0; k < t->bindings.n; k++) {
			const ox_value *v = t->bindings.p[k].val;
			/* a name that is not ours may belong to the training graphs */
			if (!v || v->home == OX_HOME_DEAD || v->tensor || v->sparse)
				continue;
			FAULT(c, TRAINING_BINDING, OX_NOWHERE,
			      "training info %zu binds '%s', which is not an initializer", i,
			      check_show(c, v->name));
		}
	}
}

/* ---- the model ------------------------------------------------------------ */

bool ox_check(const ox_model *m, const ox_check_options *o, ox_diag *d)
{
	checker c = {.m = m, .d = d, .strict = o && o->strict};

	ox_arena_init(&c.scratch, m->arena.heap);
	check_ir_version(&c);
	check_model_opsets(&c);
	if (!opsets_are_few(&c)) {
		ox_arena_free(&c.scratch);
		return false;
	}
	check_props(&c, m->meta, place_nowhere, NULL);
	check_training(&c);
	c.graphs = ox_model_graphs(m, &c.scratch, &c.ngraphs);
	check_functions_begin(&c);
	for (size_t i = 0; i < c.ngraphs; i++)
		check_graph(&c, c.graphs[i]);
	check_functions_end(&c);
	ox_arena_free(&c.scratch);
	return !c.fatal;
}

bool ox_check_node(const ox_node *n, ox_diag *d)
{
	const ox_graph *g = n->graph;
	checker c = {.m = g->model, .d = d};
	const scope s = {
		.graph = g,
		.function = ox_graph_function(g),
		.opset = ox_opset_of(g, NULL),
		.model_opset = ox_opset_of(c.m->graph, NULL),
	};

	if (!n->op)
		return true;
	ox_arena_init(&c.scratch, c.m->arena.heap);
	check_node(&c, n, &s);
	ox_arena_free(&c.scratch);
	return !c.fatal;
}
