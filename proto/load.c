/* load.c - from the bytes of a file to a linked model.
 *
 * map, preflight (wire.c), then one walk: model and graph fields are read with a cursor,
 * each item in them (node, initializer, value_info...) is split and unpacked on its own,
 * see load.h. Graphs inside attributes go to a list and are walked when the graph around
 * them is done, so nothing here recurses.
 *
 * All faults are reported before the loading is given up. Memory that runs out leaves
 * through the escape of the heap, which ends in ox_load and becomes a message.
 */
#include "proto/load.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- splitting and unpacking --------------------------------------------------- */

static void *pb_alloc(void *user, size_t n)
{
	loader *l = user;

	return ox_alloc_raw(l->temp, n);
}

static void pb_free(void *user, void *p)
{
	(void)user;
	(void)p;
}

bool load_broken(loader *l, const ox_cursor *c)
{
	if (c->broken)
		load_fault(l, OX_E_FILE_CHANGED, c->p, "the file changed while it was read");
	return c->broken;
}

static void keep(loader *l, part *p, const uint8_t *from, const uint8_t *to)
{
	const size_t n = (size_t)(to - from);

	if (!n)
		return;
	if (n > p->cap - p->nrest) {
		const size_t cap = 2 * p->cap + n;
		uint8_t *bytes = ox_alloc_raw(l->temp, cap);
		if (p->nrest)
			memcpy(bytes, p->rest, p->nrest);
		p->rest = bytes;
		p->cap = cap;
	}
	memcpy(p->rest + p->nrest, from, n);
	p->nrest += n;
}

void load_split(loader *l, const ox_field *message, uint32_t cut, uint32_t drop, part *out)
{
	ox_cursor c = ox_cursor_on(message->data, message->n);
	const uint8_t *run = c.p;

	*out = (part){0};
	for (ox_field f; ox_cursor_next(&c, &f);) {
		if (f.number > 31 || !(FIELD(f.number) & (cut | drop)))
			continue;
		keep(l, out, run, f.tag);
		run = c.p;
		if (FIELD(f.number) & cut)
			*ox_push(l->temp, &out->cut) = f;
	}
	keep(l, out, run, c.p);
	load_broken(l, &c);
}

void *load_unpack(loader *l, const ProtobufCMessageDescriptor *kind, const part *p, const uint8_t *at)
{
	void *m = protobuf_c_message_unpack(kind, &l->alloc, p->nrest, p->rest);

	if (!m)
		load_fault(l, OX_E_UNPACK, at, "the %s cannot be unpacked", kind->short_name);
	return m;
}

ox_str load_unknown(loader *l, const ProtobufCMessage *message)
{
	size_t n = 0;

	if (!message->n_unknown_fields)
		return OX_ABSENT;
	for (unsigned i = 0; i < message->n_unknown_fields; i++)
		n += 10 + message->unknown_fields[i].len;
	uint8_t *p = ox_alloc_raw(l->arena, n), *q = p;
	for (unsigned i = 0; i < message->n_unknown_fields; i++) {
		const ProtobufCMessageUnknownField *u = &message->unknown_fields[i];
		q += ox_varint_put(q, (uint64_t)u->tag << 3 | u->wire_type);
		if (u->len)
			memcpy(q, u->data, u->len);
		q += u->len;
	}
	return (ox_str){(const char *)p, (size_t)(q - p)};
}

void load_unknown_lost(loader *l, const ox_field *f, const char *kind)
{
	load_fault(l, OX_E_UNKNOWN_LOST, f->tag, "field %u of %s is unknown and has no place to be kept",
	           f->number, kind);
}

void load_rest_add(loader *l, rest *r, const ox_field *f)
{
	const size_t n = (size_t)(f->data + f->n - f->tag);

	if (n > r->cap - r->n) {
		const size_t cap = 2 * r->cap + n;
		char *p = ox_alloc_raw(&l->work, cap);
		if (r->n)
			memcpy(p, r->p, r->n);
		r->p = p;
		r->cap = cap;
	}
	memcpy(r->p + r->n, f->tag, n);
	r->n += n;
}

ox_str load_rest_done(loader *l, const rest *r)
{
	return ox_str_copy(l->arena, (ox_str){r->p, r->n});
}

ox_name *load_name(loader *l, bool present, ProtobufCBinaryData b)
{
	return present ? ox_intern(&l->model->names, b.len ? (const char *)b.data : "", b.len) : NULL;
}

ox_name *load_slice_name(loader *l, const ox_field *f)
{
	const announced *a = &l->names;

	if (l->name_at < a->n && a->name[l->name_at].data == f->data)
		return ox_intern_hashed(&l->model->names, (const char *)f->data, f->n,
		                        a->name[l->name_at++].hash);
	return ox_intern(&l->model->names, (const char *)f->data, f->n);
}

/* ---- messages --------------------------------------------------------------------- */

/* Paths cost a walk over the graph, so they are made only for messages that are shown. */
static const char *path_of(loader *l)
{
	const char *base, *attr = "", *in = "";

	if (l->attr.p) {
		attr = ox_show(l->temp, l->attr);
		in = " attribute ";
	}
	if (l->node)
		base = ox_node_path(l->node, l->temp);
	else if (l->what && l->graph)
		base = ox_str_printf(l->temp, "graph '%s' %s %zu '%s'",
		                     ox_show(l->temp, ox_name_str(l->graph->name)), l->what, l->index,
		                     ox_show(l->temp, l->name)).p;
	else if (l->what)
		base = ox_str_printf(l->temp, "%s %zu", l->what, l->index).p;
	else
		return NULL;
	return ox_str_printf(l->temp, "%s%s%s", base, in, attr).p;
}

ox_place load_place(loader *l, ox_code code, const uint8_t *at)
{
	const uint32_t limit = l->diag && l->diag->limit ? l->diag->limit : 20;
	const bool shown = l->diag && l->diag->emit && l->diag->seen[code] < limit;

	return (ox_place){NULL, at - l->map.data, shown ? path_of(l) : NULL};
}

void load_fault(loader *l, ox_code code, const uint8_t *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ox_vreport(l->diag, code, load_place(l, code, at), fmt, ap);
	va_end(ap);
	if (ox_code_find(code)->severity == OX_ERROR)
		l->failed = true;
}

/* Now and then, ask whether to go on. */
static bool go_on(loader *l, const uint8_t *at)
{
	if (l->cancelled)
		return false;
	if (++l->items % 4096 || !l->options->progress)
		return true;
	if (ox_tick(l->options->progress, "load", (uint64_t)(at - l->map.data), l->map.size))
		return true;
	ox_report(l->diag, OX_E_CANCELLED, OX_NOWHERE, "loading was stopped");
	l->cancelled = l->failed = true;
	return false;
}

static void item(loader *l, const char *what, size_t index)
{
	ox_arena_reset(&l->scratch);
	l->node = NULL;
	l->what = what;
	l->index = index;
	l->name = l->attr = OX_ABSENT;
}

/* ---- nodes -------------------------------------------------------------------------- */

static void load_shard(loader *l, ox_shard *s, const ox_field *f)
{
	ox_cursor c = ox_cursor_on(f->data, f->n);
	rest others = {0};

	for (ox_field x; ox_cursor_next(&c, &x);) {
		if (x.number == 1) {
			s->has_tensor = true;
			s->tensor.name = load_slice_name(l, &x);
		} else {
			load_rest_add(l, &others, &x);
		}
	}
	s->rest = load_rest_done(l, &others);
}

static void load_device(loader *l, ox_device_config *d, const ox_field *f)
{
	part p;

	load_split(l, f, FIELD(1) | FIELD(2), 0, &p);
	const Onnx__NodeDeviceConfigurationProto *pb
	        = load_unpack(l, &onnx__node_device_configuration_proto__descriptor, &p, f->data);
	if (!pb)
		return;
	d->has_stage = pb->has_pipeline_stage;
	d->stage = pb->pipeline_stage;
	d->unknown = load_unknown(l, &pb->base);
	d->shards = p.cut.n ? ox_new_array(l->arena, ox_shard, p.cut.n) : NULL;
	for (size_t i = 0; i < p.cut.n; i++) {
		if (p.cut.p[i].number == 1)
			d->id = load_slice(&p.cut.p[i]);
		else
			load_shard(l, &d->shards[d->nshards++], &p.cut.p[i]);
	}
}

enum {
	N_INPUT = 1, N_OUTPUT = 2, N_NAME = 3, N_OP = 4, N_ATTR = 5, N_DOC = 6, N_DOMAIN = 7,
	N_OVERLOAD = 8, N_PROPS = 9, N_DEVICES = 10,
};

/* What must be known before a node can be made. */
typedef struct node_head {
	size_t count[N_DEVICES + 1];
	ox_name *op_type, *domain, *overload;
} node_head;

static bool read_head(loader *l, node_head *h, const ox_field *f)
{
	ox_cursor c = ox_cursor_on(f->data, f->n);

	for (ox_field x; ox_cursor_next(&c, &x);) {
		if (x.number <= N_DEVICES)
			h->count[x.number]++;
		if (x.number == N_OP)
			h->op_type = load_slice_name(l, &x);
		else if (x.number == N_DOMAIN)
			h->domain = load_slice_name(l, &x);
		else if (x.number == N_OVERLOAD)
			h->overload = load_slice_name(l, &x);
	}
	return !load_broken(l, &c);
}

static void load_node_attr(loader *l, ox_node *n, ox_attr *a, const ox_field *f)
{
	l->temp = &l->inner;
	ox_arena_reset(&l->inner);
	load_attr(l, n, a, f);
	l->temp = &l->scratch;
}

/* The commonest item by far, and all names: it is read field by field. Slots are counted
 * before, and again while they are filled, for the file may have changed in between. */
static void load_node(loader *l, ox_graph *g, const ox_field *f)
{
	node_head h = {0};
	extras e = {0};
	rest unknown = {0};
	uint32_t in = 0, out = 0, attr = 0;

	if (!read_head(l, &h, f))
		return;
	ox_node *n = ox_node_append(g, h.domain, h.op_type, h.overload, (uint32_t)h.count[N_INPUT],
	                            (uint32_t)h.count[N_OUTPUT], (uint32_t)h.count[N_ATTR]);
	l->node = n;
	if (h.count[N_DEVICES])
		n->devices = ox_new_array(l->arena, ox_device_config, h.count[N_DEVICES]);
	ox_cursor c = ox_cursor_on(f->data, f->n);
	for (ox_field x; ox_cursor_next(&c, &x);) {
		switch (x.number) {
		case N_INPUT:
			if (in < n->nin)
				n->in[in++].unlinked = load_slice_name(l, &x);
			break;
		case N_OUTPUT:
			if (out < n->nout && x.n)
				ox_node_set_out(n, out, ox_value_new(g, load_slice_name(l, &x), OX_HOME_NODE));
			out++;
			break;
		case N_NAME:
			n->name = load_slice(&x);
			break;
		case N_ATTR:
			if (attr < n->nattr)
				load_node_attr(l, n, &n->attr[attr++], &x);
			break;
		case N_DEVICES:
			if (n->ndevices < h.count[N_DEVICES])
				load_device(l, &n->devices[n->ndevices++], &x);
			break;
		case N_OP:
		case N_DOMAIN:
		case N_OVERLOAD:
			break;
		case N_DOC:
		case N_PROPS:
			load_extra(l, &e, N_DOC, N_PROPS, &x);
			break;
		default:
			load_rest_add(l, &unknown, &x);
			break;
		}
	}
	e.unknown = load_rest_done(l, &unknown);
	n->meta = load_meta(l, &e);
}

/* ---- what else is in a graph ----------------------------------------------------------- */

static void load_decl(loader *l, ox_decl *d, const ox_field *f)
{
	enum { NAME = 1, TYPE = 2, DOC = 3, PROPS = 4 };
	ox_cursor c = ox_cursor_on(f->data, f->n);
	extras e = {0};
	rest unknown = {0};

	for (ox_field x; ox_cursor_next(&c, &x);) {
		switch (x.number) {
		case NAME:
			d->name = load_slice_name(l, &x);
			l->name = ox_name_str(d->name);
			break;
		case TYPE:
			d->type = load_type(l, &x);
			break;
		case DOC:
		case PROPS:
			load_extra(l, &e, DOC, PROPS, &x);
			break;
		default:
			load_rest_add(l, &unknown, &x);
			break;
		}
	}
	load_broken(l, &c);
	e.unknown = load_rest_done(l, &unknown);
	d->meta = load_meta(l, &e);
}

static void add_output(ox_graph *g, const ox_decl *d)
{
	ox_graph_add_output(g, d->name, d->type)->meta = d->meta;
}

static void load_initializer(loader *l, ox_graph *g, const ox_field *f)
{
	ox_tensor *t = load_tensor(l, f);

	if (!t)
		return;
	ox_graph_add_init(g, ox_intern_str(&l->model->names, t->name.p ? t->name : OX_S("")), t);
}

static void load_sparse_initializer(loader *l, ox_graph *g, const ox_field *f)
{
	ox_sparse *s = load_sparse(l, f);

	if (!s)
		return;
	const ox_str name = s->values && s->values->name.p ? s->values->name : OX_S("");
	ox_value *v = ox_value_new(g, ox_intern_str(&l->model->names, name), OX_HOME_SPARSE);
	v->sparse = s;
	v->out = (uint32_t)g->sparse.n;
	*ox_push(l->arena, &g->sparse) = v;
}

static void load_annotation(loader *l, ox_annotation *a, const ox_field *f)
{
	part p;

	load_split(l, f, FIELD(2), 0, &p);
	const Onnx__TensorAnnotation *pb = load_unpack(l, &onnx__tensor_annotation__descriptor, &p, f->data);
	if (!pb)
		return;
	a->tensor.name = load_name(l, pb->has_tensor_name, pb->tensor_name);
	a->unknown = load_unknown(l, &pb->base);
	a->keys = ox_new_array(l->arena, ox_str, p.cut.n);
	a->values = ox_new_array(l->arena, ox_ref, p.cut.n);
	for (size_t i = 0; i < p.cut.n; i++) {
		const ox_prop e = load_entry(l, &p.cut.p[i]);
		a->keys[i] = e.key;
		a->values[i].name = ox_name_of(l->model, e.value);
	}
	a->n = p.cut.n;
}

enum {
	G_NODE = 1, G_NAME = 2, G_INIT = 5, G_DOC = 10, G_INPUT = 11, G_OUTPUT = 12, G_VALUE = 13,
	G_ANNOTATION = 14, G_SPARSE = 15, G_PROPS = 16,
};

static const char *const graph_items[] = {
	[G_NODE] = "node", [G_INIT] = "initializer", [G_INPUT] = "input", [G_OUTPUT] = "output",
	[G_VALUE] = "value_info", [G_ANNOTATION] = "quantization_annotation",
	[G_SPARSE] = "sparse_initializer", [G_PROPS] = "metadata_props",
};

#define RESERVE(l, v, count)                                                                   \
	((v)->p = (count) ? ox_alloc_array((l)->arena, (count), sizeof *(v)->p) : NULL,        \
	 (v)->cap = (count))

/* Counting first is cheaper than growing: an arena keeps what it outgrew. */
static void reserve(loader *l, ox_graph *g, const uint8_t *data, size_t n, size_t counts[17])
{
	ox_cursor c = ox_cursor_on(data, n);

	for (ox_field f; ox_cursor_next(&c, &f);) {
		if (f.number < 17)
			counts[f.number]++;
		if (f.number == G_NAME)
			g->name = load_slice_name(l, &f);
	}
	RESERVE(l, &g->inits, counts[G_INIT]);
	RESERVE(l, &g->inputs, counts[G_INPUT]);
	RESERVE(l, &g->outputs, counts[G_OUTPUT]);
	RESERVE(l, &g->value_info, counts[G_VALUE]);
	RESERVE(l, &g->annotations, counts[G_ANNOTATION]);
	RESERVE(l, &g->sparse, counts[G_SPARSE]);
}

/* In a large graph each look at the table of names is a cache miss, a quarter of the time
 * of loading. So the names of the next item are announced while this one is loaded, and
 * their hashes kept. */
static void announce(loader *l, ox_cursor next)
{
	announced *a = &l->next_names;
	ox_field f, name;

	l->names = *a;
	l->name_at = a->n = 0;
	if (!ox_cursor_next(&next, &f) || f.wire != OX_WIRE_LEN)
		return;
	if (f.number != G_NODE && f.number != G_VALUE)
		return;
	const uint32_t last = f.number == G_NODE ? N_OUTPUT : 1;
	ox_cursor c = ox_cursor_on(f.data, f.n);
	while (a->n < ANNOUNCED && ox_cursor_next(&c, &name) && name.number <= last) {
		if (name.wire != OX_WIRE_LEN)
			return;
		a->name[a->n].data = name.data;
		a->name[a->n++].hash = ox_names_prefetch(&l->model->names, (const char *)name.data, name.n);
	}
}

static void load_graph(loader *l, ox_graph *g, const uint8_t *data, size_t n)
{
	ox_cursor c = ox_cursor_on(data, n);
	size_t counts[17] = {0}, index[17] = {0};
	extras e = {0};
	rest unknown = {0};

	l->graph = g;
	reserve(l, g, data, n, counts);
	for (ox_field f; ox_cursor_next(&c, &f) && go_on(l, f.tag);) {
		const uint32_t k = f.number < 17 ? f.number : 0;
		ox_decl d = {0};

		item(l, graph_items[k], index[k]++);
		announce(l, c);
		switch (k) {
		case G_NODE:
			load_node(l, g, &f);
			break;
		case G_NAME:
			break;
		case G_INIT:
			load_initializer(l, g, &f);
			break;
		case G_SPARSE:
			load_sparse_initializer(l, g, &f);
			break;
		case G_INPUT:
			load_decl(l, ox_graph_add_input(g, NULL, NULL), &f);
			break;
		case G_OUTPUT:
			load_decl(l, &d, &f);
			add_output(g, &d);
			break;
		case G_VALUE:
			load_decl(l, ox_push(l->arena, &g->value_info), &f);
			break;
		case G_ANNOTATION:
			load_annotation(l, ox_push(l->arena, &g->annotations), &f);
			break;
		case G_DOC:
		case G_PROPS:
			load_extra(l, &e, G_DOC, G_PROPS, &f);
			break;
		default:
			load_rest_add(l, &unknown, &f);
			break;
		}
	}
	e.unknown = load_rest_done(l, &unknown);
	g->meta = load_meta(l, &e);
	item(l, NULL, 0);
}

/* A graph with everything nested in it. */
static void load_whole_graph(loader *l, ox_graph *g, const uint8_t *data, size_t n)
{
	load_graph(l, g, data, n);
	while (l->pending.n) {
		const pending next = l->pending.p[--l->pending.n];
		load_graph(l, next.graph, next.data, next.n);
	}
	l->graph = NULL;
}

/* ---- functions ---------------------------------------------------------------------------- */

static void load_opset(loader *l, ox_opset *o, const ox_field *f)
{
	part p;

	load_split(l, f, 0, 0, &p);
	const Onnx__OperatorSetIdProto *pb = load_unpack(l, &onnx__operator_set_id_proto__descriptor, &p, f->data);
	if (!pb)
		return;
	o->domain = load_name(l, pb->has_domain, pb->domain);
	o->has_version = pb->has_version;
	o->version = pb->version;
	o->unknown = load_unknown(l, &pb->base);
}

enum {
	F_NODE = 7, F_DOC = 8, F_OPSET = 9, F_DEFAULT = 11, F_VALUE = 12, F_PROPS = 14,
};

/* Names, imports and metadata. */
static bool load_function_head(loader *l, ox_function *f, const ox_field *field)
{
	part p;
	extras e = {0};

	load_split(l, field, FIELD(F_DOC) | FIELD(F_OPSET) | FIELD(F_PROPS),
	           FIELD(F_NODE) | FIELD(F_DEFAULT) | FIELD(F_VALUE), &p);
	const Onnx__FunctionProto *pb = load_unpack(l, &onnx__function_proto__descriptor, &p, field->data);
	if (!pb)
		return false;
	f->name = load_name(l, pb->has_name, pb->name);
	f->domain = load_name(l, pb->has_domain, pb->domain);
	f->overload = load_name(l, pb->has_overload, pb->overload);
	for (size_t i = 0; i < pb->n_input; i++)
		ox_graph_add_input(f->body, load_name(l, true, pb->input[i]), NULL);
	for (size_t i = 0; i < pb->n_output; i++)
		add_output(f->body, &(ox_decl){.name = load_name(l, true, pb->output[i])});
	for (size_t i = 0; i < pb->n_attribute; i++)
		*ox_push(l->arena, &f->attributes) = load_name(l, true, pb->attribute[i]);
	e.unknown = load_unknown(l, &pb->base);
	for (size_t i = 0; i < p.cut.n; i++) {
		load_extra(l, &e, F_DOC, F_PROPS, &p.cut.p[i]);
		if (p.cut.p[i].number == F_OPSET)
			load_opset(l, ox_push(l->arena, &f->opsets), &p.cut.p[i]);
	}
	f->meta = load_meta(l, &e);
	return true;
}

static void load_function(loader *l, const ox_field *field)
{
	ox_function *f = ox_function_new(l->model);
	ox_cursor c = ox_cursor_on(field->data, field->n);
	size_t nodes = 0, values = 0, defaults = 0;

	if (!load_function_head(l, f, field))
		return;
	f->body->name = f->name;
	l->graph = f->body;
	for (ox_field x; ox_cursor_next(&c, &x) && go_on(l, x.tag);) {
		switch (x.number) {
		case F_NODE:
			item(l, "node", nodes++);
			load_node(l, f->body, &x);
			break;
		case F_DEFAULT:
			item(l, "default", defaults++);
			load_attr(l, NULL, ox_push(l->arena, &f->defaults), &x);
			break;
		case F_VALUE:
			item(l, "value_info", values++);
			load_decl(l, ox_push(l->arena, &f->body->value_info), &x);
			break;
		default:
			break;
		}
	}
	item(l, NULL, 0);
	while (l->pending.n) {
		const pending next = l->pending.p[--l->pending.n];
		load_graph(l, next.graph, next.data, next.n);
	}
	l->graph = NULL;
	f->body->name = NULL;
}

/* ---- training info -------------------------------------------------------------------------- */

/* Kept as bytes; but its tensors are looked at like all others, since they too may name
 * files. Iterative, with the depth that the preflight allows. */
static void visit_tensors(loader *l, const ox_field *f)
{
	struct { ox_cursor c; ox_wire_kind kind; } stack[OX_WIRE_DEPTH + 1];
	size_t depth = 0, index = 0;

	stack[0].c = ox_cursor_on(f->data, f->n);
	stack[0].kind = OX_K_TRAINING;
	for (;;) {
		ox_field x;
		if (!ox_cursor_next(&stack[depth].c, &x)) {
			if (depth-- == 0)
				return;
			continue;
		}
		const ox_wire_rule *r = ox_wire_rule_of(stack[depth].kind, x.number);
		if (!r || !(r->flags & OX_W_SUB) || x.wire != OX_WIRE_LEN)
			continue;
		if (r->kind == OX_K_TENSOR) {
			item(l, "training_info tensor", index++);
			load_tensor(l, &x);
		} else if (depth < OX_WIRE_DEPTH) {
			depth++;
			stack[depth].c = ox_cursor_on(x.data, x.n);
			stack[depth].kind = r->kind;
		}
	}
}

static void load_training(loader *l, const ox_field *f)
{
	ox_training *t = ox_push(l->arena, &l->model->training);
	ox_cursor c = ox_cursor_on(f->data, f->n);

	t->wire = load_slice(f);
	for (ox_field x; ox_cursor_next(&c, &x);) {
		if (x.number != 3 && x.number != 4)
			continue;
		const ox_prop e = load_entry(l, &x);
		*ox_push(l->arena, &t->bindings) = (ox_ref){.name = ox_name_of(l->model, e.key)};
	}
	l->training = true;
	visit_tensors(l, f);
	l->training = false;
}

/* ---- the model ---------------------------------------------------------------------------------- */

enum {
	M_PRODUCER = 2, M_PRODUCER_VERSION = 3, M_DOMAIN = 4, M_DOC = 6, M_GRAPH = 7, M_OPSET = 8,
	M_PROPS = 14, M_TRAINING = 20, M_FUNCTION = 25, M_CONFIGURATION = 26,
};

static void load_model_field(loader *l, const ox_field *f, size_t index)
{
	ox_model *m = l->model;

	switch (f->number) {
	case M_PRODUCER:
		m->producer_name = load_slice(f);
		break;
	case M_PRODUCER_VERSION:
		m->producer_version = load_slice(f);
		break;
	case M_DOMAIN:
		m->domain = load_slice(f);
		break;
	case M_GRAPH:
		m->graph = m->graph ? m->graph : ox_graph_new(m, NULL);
		load_whole_graph(l, m->graph, f->data, f->n);
		break;
	case M_OPSET:
		item(l, "opset_import", index);
		load_opset(l, ox_push(l->arena, &m->opsets), f);
		break;
	case M_TRAINING:
		item(l, "training_info", index);
		load_training(l, f);
		break;
	case M_FUNCTION:
		item(l, "function", index);
		load_function(l, f);
		break;
	case M_CONFIGURATION:
		*ox_push(l->arena, &m->configuration) = load_slice(f);
		break;
	default:
		break;
	}
	item(l, NULL, 0);
}

static void load_model(loader *l)
{
	const uint32_t walked = FIELD(M_PRODUCER) | FIELD(M_PRODUCER_VERSION) | FIELD(M_DOMAIN)
	                        | FIELD(M_GRAPH) | FIELD(M_OPSET) | FIELD(M_TRAINING)
	                        | FIELD(M_FUNCTION) | FIELD(M_CONFIGURATION);
	const ox_field whole = {.data = l->map.data, .n = l->map.size};
	ox_cursor c = ox_cursor_on(whole.data, whole.n);
	size_t index[32] = {0};
	part p;
	extras e = {0};

	load_split(l, &whole, FIELD(M_DOC) | FIELD(M_PROPS), walked, &p);
	const Onnx__ModelProto *pb = load_unpack(l, &onnx__model_proto__descriptor, &p, whole.data);
	if (!pb)
		return;
	l->model->has_ir_version = pb->has_ir_version;
	l->model->ir_version = pb->ir_version;
	l->model->has_model_version = pb->has_model_version;
	l->model->model_version = pb->model_version;
	e.unknown = load_unknown(l, &pb->base);
	for (size_t i = 0; i < p.cut.n; i++)
		load_extra(l, &e, M_DOC, M_PROPS, &p.cut.p[i]);
	l->model->meta = load_meta(l, &e);
	for (ox_field f; ox_cursor_next(&c, &f) && go_on(l, f.tag);)
		load_model_field(l, &f, f.number < 32 ? index[f.number]++ : 0);
}

/* ---- from outside ---------------------------------------------------------------------------------- */

static void file_free(ox_model *m)
{
	ox_file *f = ox_file_of(m);

	if (!f)
		return;
	ox_extfiles_close(f);
	ox_arena_free(&f->scratch);
	if (f->map.fd >= 0 || f->map.owned_memory)
		ox_map_close(&f->map);
	m->file = NULL;
}

/* The least that the model will take. Refusing at once is kinder than after a minute. */
static bool fits_heap(loader *l, const ox_heap *heap)
{
	const ox_wire_stats *s = &l->stats;
	const uint64_t least = s->count[OX_K_NODE] * sizeof(ox_node) + s->count[OX_K_ATTR] * sizeof(ox_attr)
	                       + s->count[OX_K_TENSOR] * sizeof(ox_tensor)
	                       + s->count[OX_K_VALUE] * sizeof(ox_decl)
	                       + s->count[OX_K_ENTRY] * sizeof(ox_prop);

	if (!heap || !heap->limit || (heap->used < heap->limit && least <= heap->limit - heap->used))
		return true;
	ox_report(l->diag, OX_E_MEMORY, OX_NOWHERE, "the model needs at least %llu bytes of memory, the limit is %llu",
	          (unsigned long long)least, (unsigned long long)heap->limit);
	return false;
}

static void adopt_file(loader *l)
{
	ox_model *m = l->model;
	ox_file *f = ox_new(&m->arena, ox_file);

	f->map = l->map;
	ox_arena_init(&f->scratch, m->arena.heap);
	f->path = ox_str_copy(&m->arena, l->path);
	f->beside = ox_str_copy(&m->arena, l->beside);
	f->allow_links = l->options->allow_links;
	m->file = f;
	m->file_free = file_free;
	m->external_read = ox_external_read;
	l->owned = true;
}

static bool build(loader *l, ox_heap *heap)
{
	if (!ox_wire_scan(l->map.data, l->map.size, &l->stats, l->diag) || !fits_heap(l, heap))
		return false;
	l->model = ox_model_new(heap);
	l->arena = &l->model->arena;
	/* a name for each value; more are found to be needed, but rarely */
	ox_names_reserve(&l->model->names, l->stats.count[OX_K_NODE] + l->stats.count[OX_K_TENSOR]);
	l->model->initializers_as_constants = l->options->initializers_as_constants;
	adopt_file(l);
	load_model(l);
	if (l->failed)
		return false;
	if (l->map.fd >= 0 && !ox_map_unchanged(&l->map)) {
		ox_report(l->diag, OX_E_FILE_CHANGED, OX_NOWHERE, "the file changed while it was read");
		return false;
	}
	ox_arena_free(&l->inner);
	ox_arena_free(&l->scratch);
	return ox_model_link(l->model, &(ox_link_options){l->options->initializers_as_constants}, l->diag);
}

/* The one function that setjmp returns to twice; what it uses lives in *l. */
static bool guarded(loader *l, ox_heap *heap)
{
	jmp_buf here, *const outer = heap ? heap->escape : NULL;

	if (!heap)
		return build(l, NULL);
	heap->escape = &here;
	if (setjmp(here) == 0) {
		l->ok = build(l, heap);
	} else {
		ox_report(l->diag, OX_E_MEMORY, OX_NOWHERE, "memory ended while the model was loaded");
		l->ok = false;
	}
	heap->escape = outer;
	return l->ok;
}

static ox_model *load(const ox_map *map, ox_str path, ox_str beside, const ox_load_options *o,
                      ox_heap *heap, ox_diag *d)
{
	static const ox_load_options none;
	loader *l = calloc(1, sizeof *l);
	ox_map mine = *map;

	if (!l) {
		ox_report(d, OX_E_MEMORY, OX_NOWHERE, "memory ended before the model was loaded");
		if (mine.fd >= 0 || mine.owned_memory)
			ox_map_close(&mine);
		return NULL;
	}
	l->map = mine;
	l->path = path;
	l->beside = beside;
	l->options = o ? o : &none;
	l->diag = d;
	l->temp = &l->scratch;
	l->alloc = (ProtobufCAllocator){pb_alloc, pb_free, l};
	ox_arena_init(&l->scratch, heap);
	ox_arena_init(&l->inner, heap);
	ox_arena_init(&l->work, heap);
	ox_model *m = guarded(l, heap) ? l->model : NULL;
	ox_arena_free(&l->scratch);
	ox_arena_free(&l->inner);
	ox_arena_free(&l->work);
	if (!m) {
		ox_model_free(l->model);
		if (!l->owned && (mine.fd >= 0 || mine.owned_memory))
			ox_map_close(&mine);
	}
	free(l);
	return m;
}

ox_model *ox_load(const char *path, const ox_load_options *o, ox_heap *heap, ox_diag *d)
{
	const bool piped = strcmp(path, "-") == 0;
	const char *outer = d ? d->file : NULL;
	ox_map map = {.fd = -1};

	if (d && !d->file)
		d->file = piped ? "standard input" : path;
	ox_model *m = NULL;
	if (ox_map_open(&map, path, d))
		m = load(&map, ox_cstr(path), piped ? OX_ABSENT : ox_cstr(path), o, heap, d);
	if (d)
		d->file = outer;
	return m;
}

ox_model *ox_load_memory(const void *data, size_t n, const char *beside, const ox_load_options *o,
                         ox_heap *heap, ox_diag *d)
{
	/* never NULL, so that an address can tell "in the input" also for empty input */
	const ox_map map = {.data = n ? data : (const void *)"", .size = n, .fd = -1};

	return load(&map, OX_ABSENT, ox_cstr(beside), o, heap, d);
}

ox_model *ox_load_again(const ox_model *m, const ox_load_options *o, ox_heap *heap, ox_diag *d)
{
	const ox_file *f = ox_file_of(m);

	return f ? ox_load_memory(f->map.data, f->map.size, f->beside.p, o, heap, d) : NULL;
}

const char *ox_model_path(const ox_model *m)
{
	const ox_file *f = ox_file_of(m);

	return f && f->path.p && strcmp(f->path.p, "-") != 0 ? f->path.p : NULL;
}

static bool is_counted(const ox_file *f, size_t i)
{
	const ox_map *m = &f->external.p[i]->map;

	for (size_t j = 0; j < i; j++)
		if (f->external.p[j]->status == OX_BENEATH_OK && f->external.p[j]->map.dev == m->dev
		    && f->external.p[j]->map.ino == m->ino)
			return true;
	return false;
}

uint64_t ox_model_file_size(const ox_model *m)
{
	const ox_file *f = ox_file_of(m);

	if (!f)
		return 0;
	uint64_t size = f->map.size;
	for (size_t i = 0; i < f->external.n; i++)
		if (f->external.p[i]->status == OX_BENEATH_OK && !is_counted(f, i))
			size += f->external.p[i]->map.size;
	return size;
}
