/* parse_lines.c - the #@ lines of ONNX text that speak of a thing just read (text.h).
 *
 * Each reader takes its arguments and the end of the line, and then the lines that belong
 * to what it made.
 */
#include "ir/lex.h"


typedef void directive_fn(parser *p, ox_subject subject, void *thing);

static ox_meta *meta_of(parser *p, ox_subject subject, void *thing)
{
	switch (subject) {
	case OX_ON_MODEL:
		return text_meta_in(p, &((ox_model *)thing)->meta);
	case OX_ON_FUNCTION:
		return text_meta_in(p, &((ox_function *)thing)->meta);
	case OX_ON_GRAPH:
		return text_meta_in(p, &((ox_graph *)thing)->meta);
	case OX_ON_TENSOR:
		return text_meta_in(p, &((ox_tensor *)thing)->meta);
	case OX_ON_ATTR:
		return text_meta_in(p, &((ox_attr *)thing)->meta);
	case OX_ON_NODE:
		return text_meta_in(p, &((ox_node *)thing)->meta);
	default:                      /* a value: thing is the place of its meta */
		return text_meta_in(p, thing);
	}
}

static void read_doc(parser *p, ox_subject subject, void *thing)
{
	meta_of(p, subject, thing)->doc = text_string_arg(p);
	text_leave_line(p);
}

static void read_prop(parser *p, ox_subject subject, void *thing)
{
	ox_meta *m = meta_of(p, subject, thing);
	const ox_str key = text_string_arg(p);

	text_add_prop(p, &m->props, &m->nprops, key, text_string_arg(p));
	text_leave_line(p);
}

static void read_unknown(parser *p, ox_subject subject, void *thing)
{
	const ox_str bytes = text_bytes(p);

	if (subject == OX_ON_OPSET)
		((ox_opset *)thing)->unknown = bytes;
	else if (subject == OX_ON_ANNOTATION)
		((ox_annotation *)thing)->unknown = bytes;
	else if (subject == OX_ON_SPARSE)
		((ox_sparse *)thing)->unknown = bytes;
	else if (subject == OX_ON_DEVICE)
		((ox_device_config *)thing)->unknown = bytes;
	else
		meta_of(p, subject, thing)->unknown = bytes;
	text_leave_line(p);
}

static void read_model_training(parser *p, ox_subject subject, void *thing)
{
	ox_training *t = ox_push(p->a, &((ox_model *)thing)->training);

	(void)subject;
	t->wire = text_bytes(p);
	while (p->tok.kind != T_EOL)
		*ox_push(p->a, &t->bindings) = (ox_ref){.name = text_name_arg(p)};
	text_leave_line(p);
}

static void read_model_configuration(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	*ox_push(p->a, &((ox_model *)thing)->configuration) = text_bytes(p);
	text_leave_line(p);
}

static void want_none(parser *p)
{
	if (!text_accept_word(p, "none"))
		text_unexpected(p, "none");
	text_leave_line(p);
}

static void read_opset_domain(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_opset *)thing)->domain = NULL;
	want_none(p);
}

static void read_opset_version(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_opset *)thing)->version = 0;
	((ox_opset *)thing)->has_version = false;
	want_none(p);
}

/* [4, 4], then lines with values and indices. */
static ox_sparse *parse_sparse(parser *p)
{
	ox_sparse *s = ox_new(p->a, ox_sparse);
	OX_VEC(int64_t) dims = {0};

	text_expect(p, '[');
	if (!text_at_mark(p, ']')) {
		do
			*ox_push(p->a, &dims) = text_int(p);
		while (text_accept(p, ','));
	}
	text_expect(p, ']');
	text_leave_line(p);
	s->rank = (uint32_t)dims.n;
	s->dims = dims.p;
	text_lines(p, OX_ON_SPARSE, s);
	return s;
}

static ox_tensor *parse_sparse_part(parser *p)
{
	const ox_type *type = text_type(p);
	const ox_str name = text_at_name(p) ? ox_name_str(text_name(p, "a name")) : OX_ABSENT;

	return text_tensor(p, type, name, true);
}

static void read_sparse_values(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_sparse *)thing)->values = parse_sparse_part(p);
}

static void read_sparse_indices(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_sparse *)thing)->indices = parse_sparse_part(p);
}

static void read_graph_sparse(parser *p, ox_subject subject, void *thing)
{
	ox_graph *g = thing;
	ox_sparse *s = parse_sparse(p);
	ox_value *v = ox_value_new(g, s->values ? ox_name_of(p->m, s->values->name) : NULL,
	                           OX_HOME_SPARSE);

	(void)subject;
	v->sparse = s;
	v->out = (uint32_t)g->sparse.n;
	*ox_push(p->a, &g->sparse) = v;
}

static void read_graph_annotation(parser *p, ox_subject subject, void *thing)
{
	ox_graph *g = thing;
	ox_annotation a = {.tensor.name = text_name_arg(p)};

	(void)subject;
	if (p->tok.kind != T_EOL) {
		do {
			a.keys = text_more(p, a.keys, a.n, sizeof *a.keys);
			a.values = text_more(p, a.values, a.n, sizeof *a.values);
			a.keys[a.n] = text_string_arg(p);
			text_expect(p, ':');
			a.values[a.n] = (ox_ref){.name = text_name_arg(p)};
			a.n++;
		} while (text_accept(p, ','));
	}
	text_leave_line(p);
	text_lines(p, OX_ON_ANNOTATION, &a);
	*ox_push(p->a, &g->annotations) = a;
}

static void read_tensor_dtype(parser *p, ox_subject subject, void *thing)
{
	ox_tensor *t = thing;

	(void)subject;
	t->dtype = OX_UNDEFINED;
	t->has_dtype = !text_accept_word(p, "none");
	if (t->has_dtype) {
		t->dtype = (ox_dtype)text_signed(p, "int32", INT32_MIN, INT32_MAX);
		if (t->dtype && (unsigned)t->dtype < OX_NDTYPES)
			text_fail(p, OX_E_TEXT_TYPE, p->tok.p,
			          "type %s has a name, which is to be used",
			          text_shown(p, &p->tok));
		text_next(p);
	}
	text_leave_line(p);
}

static void read_tensor_data(parser *p, ox_subject subject, void *thing)
{
	ox_tensor *t = thing;
	const ox_str bytes = text_bytes(p);

	(void)subject;
	t->source = OX_SRC_BYTES;
	t->storage = OX_RAW;
	t->bytes = (const uint8_t *)bytes.p;
	t->nbytes = bytes.n;
	text_leave_line(p);
}

static void read_tensor_location(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_tensor *)thing)->has_location = true;
	if (!text_accept_word(p, "default"))
		text_unexpected(p, "default");
	text_leave_line(p);
}

static void read_tensor_entry(parser *p, ox_subject subject, void *thing)
{
	ox_tensor *t = thing;
	const ox_str key = text_string_arg(p);

	(void)subject;
	text_add_prop(p, &t->external_entries, &t->nexternal_entries, key, text_string_arg(p));
	text_leave_line(p);
}

static void read_attr_type(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_attr *)thing)->has_type = false;
	want_none(p);
}

static void read_attr_value(parser *p, ox_subject subject, void *thing)
{
	ox_attr *a = thing;

	(void)subject;
	a->ref = NULL;
	a->has_payload = false;
	want_none(p);
}

static void read_attr_sparse(parser *p, ox_subject subject, void *thing)
{
	ox_attr *a = thing;
	const char *at = p->tok.p;
	ox_sparse *s = parse_sparse(p);

	(void)subject;
	if (a->type != OX_A_SPARSE && a->type != OX_A_SPARSES)
		text_fail(p, OX_E_TEXT_ATTR, at, "a sparse tensor for an attribute of type %s",
		          ox_attr_type_name(a->type));
	a->ref = NULL;
	if (a->type == OX_A_SPARSE) {
		a->sparse = s;
		a->has_payload = true;
		return;
	}
	a->sparses = text_more(p, a->sparses, a->n, sizeof *a->sparses);
	a->sparses[a->n++] = s;
}

static void read_node_domain(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_node *)thing)->domain = text_name_arg(p);
	text_leave_line(p);
}

static void read_node_overload(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_node *)thing)->overload = text_name_arg(p);
	text_leave_line(p);
}

static void read_node_device(parser *p, ox_subject subject, void *thing)
{
	ox_node *n = thing;
	ox_device_config c = {.id = text_string_arg(p)};

	(void)subject;
	text_leave_line(p);
	text_lines(p, OX_ON_DEVICE, &c);
	n->devices = text_more(p, n->devices, n->ndevices, sizeof *n->devices);
	n->devices[n->ndevices++] = c;
}

static void read_device_stage(parser *p, ox_subject subject, void *thing)
{
	ox_device_config *c = thing;

	(void)subject;
	c->stage = (int32_t)text_signed(p, "int32", INT32_MIN, INT32_MAX);
	c->has_stage = true;
	text_next(p);
	text_leave_line(p);
}

static void read_device_shard(parser *p, ox_subject subject, void *thing)
{
	ox_device_config *c = thing;
	ox_shard s = {.tensor.name = text_name_arg(p)};

	(void)subject;
	s.has_tensor = s.tensor.name != NULL;
	s.rest = text_bytes(p);
	text_leave_line(p);
	c->shards = text_more(p, c->shards, c->nshards, sizeof *c->shards);
	c->shards[c->nshards++] = s;
}

static directive_fn *const readers[OX_NDIRECTIVES] = {
	[OX_D_DOC] = read_doc,
	[OX_D_PROP] = read_prop,
	[OX_D_UNKNOWN] = read_unknown,
	[OX_D_MODEL_TRAINING] = read_model_training,
	[OX_D_MODEL_CONFIGURATION] = read_model_configuration,
	[OX_D_OPSET_DOMAIN] = read_opset_domain,
	[OX_D_OPSET_VERSION] = read_opset_version,
	[OX_D_GRAPH_SPARSE] = read_graph_sparse,
	[OX_D_GRAPH_ANNOTATION] = read_graph_annotation,
	[OX_D_TENSOR_DTYPE] = read_tensor_dtype,
	[OX_D_TENSOR_DATA] = read_tensor_data,
	[OX_D_TENSOR_LOCATION] = read_tensor_location,
	[OX_D_TENSOR_ENTRY] = read_tensor_entry,
	[OX_D_ATTR_TYPE] = read_attr_type,
	[OX_D_ATTR_VALUE] = read_attr_value,
	[OX_D_ATTR_SPARSE] = read_attr_sparse,
	[OX_D_SPARSE_VALUES] = read_sparse_values,
	[OX_D_SPARSE_INDICES] = read_sparse_indices,
	[OX_D_NODE_DOMAIN] = read_node_domain,
	[OX_D_NODE_OVERLOAD] = read_node_overload,
	[OX_D_NODE_DEVICE] = read_node_device,
	[OX_D_DEVICE_STAGE] = read_device_stage,
	[OX_D_DEVICE_SHARD] = read_device_shard,
};

void text_lines(parser *p, ox_subject subject, void *thing)
{
	while (p->tok.kind == T_DIRECTIVE && p->tok.subject == subject) {
		const ox_directive d = p->tok.directive;
		text_enter_line(p);
		readers[d](p, subject, thing);
	}
}

