/* print.c - a model as ONNX text, streaming: what upstream's grammar holds as upstream
 * writes it, the rest in #@ lines (text.h, docs/text.md).
 */
#include "ir/emit.h"

enum { STEP = 3, BRIEF_ELEMENTS = 8 };

static void put_tensor(printer *p, const ox_tensor *t, ox_str name, bool is_init);
static void put_graph(printer *p, const ox_graph *g, bool is_main);

/* ---- doc strings, metadata, unknown fields -------------------------------- */

static void put_unknown(printer *p, ox_subject subject, ox_str bytes)
{
	if (!bytes.p || !emit_directive(p, subject, OX_D_UNKNOWN))
		return;
	emit_bytes(p, bytes);
	emit_end(p);
}

static void put_props(printer *p, ox_subject subject, const ox_prop *props, size_t n,
                      ox_directive d)
{
	for (size_t i = 0; i < n; i++) {
		if (!emit_directive(p, subject, d))
			return;
		emit_arg(p, props[i].key);
		emit_arg(p, props[i].value);
		emit_end(p);
	}
}

static void put_doc(printer *p, ox_subject subject, ox_str doc)
{
	if (!doc.p || !emit_directive(p, subject, OX_D_DOC))
		return;
	emit_arg(p, doc);
	emit_end(p);
}

static void put_meta(printer *p, ox_subject subject, const ox_meta *m)
{
	if (!m)
		return;
	put_doc(p, subject, m->doc);
	put_props(p, subject, m->props, m->nprops, OX_D_PROP);
	put_unknown(p, subject, m->unknown);
}

/* ---- types ---------------------------------------------------------------- */

static bool is_known(ox_dtype t)
{
	return t > OX_UNDEFINED && (unsigned)t < OX_NDTYPES;
}

static bool has_denotations(const ox_type *t)
{
	for (uint32_t i = 0; t->denotations && i < t->rank; i++)
		if (t->denotations[i].p)
			return true;
	return false;
}

static bool opaque_fits(const ox_type *t)
{
	if (!t->domain.p)
		return !t->name.p || emit_is_qualified(t->name);
	return emit_is_qualified(t->domain) && t->name.p && emit_is_identifier(t->name);
}

/* Can the grammar say this type, details aside? */
static bool type_fits(const ox_type *t)
{
	for (; t; t = t->of) {
		switch (t->kind) {
		case OX_T_NONE:
			return false;
		case OX_T_TENSOR:
		case OX_T_SPARSE:
			return is_known(t->elem);
		case OX_T_OPAQUE:
			return opaque_fits(t);
		case OX_T_MAP:
			if (!is_known(t->elem))
				return false;
			break;
		case OX_T_SEQUENCE:
		case OX_T_OPTIONAL:
			break;
		}
	}
	return false;                 /* an element type is missing */
}

/* Does it say everything? */
static bool type_is_plain(const ox_type *t)
{
	if (!type_fits(t))
		return false;
	for (; t; t = t->of)
		if (t->denotation.p || t->unknown.p || t->wire.p || has_denotations(t))
			return false;
	return true;
}

static void put_dim(printer *p, ox_dim d)
{
	if (d && d->kind == OX_DIM_NUM)
		emit_i64(p, d->num);
	else if (d && d->kind == OX_DIM_SYM)
		emit_id(p, ox_name_str(d->sym));
	else
		emit(p, "?", 1);                      /* the text has no expressions */
}

/* Elements and shape. In a #@ line the element may be missing or a number, and each dim
 * may have a denotation. */
static void put_shaped(printer *p, const ox_type *t)
{
	if (is_known(t->elem))
		emit_s(p, ox_dtype_name(t->elem));
	else if (t->has_elem)
		emit_i64(p, (int32_t)t->elem);
	else
		emit(p, "_", 1);
	if (!t->has_shape) {
		emit(p, "[]", 2);
		return;
	}
	for (uint32_t i = 0; i < t->rank; i++) {
		emit(p, i ? "," : "[", 1);
		put_dim(p, t->dims[i]);
		if (p->in_line && t->denotations && t->denotations[i].p) {
			emit(p, " @ ", 3);
			emit_escaped(p, t->denotations[i]);
		}
	}
	if (t->rank)
		emit(p, "]", 1);
}

static void put_opaque(printer *p, const ox_type *t)
{
	emit_s(p, "opaque(");
	if (p->in_line) {
		emit_id(p, t->domain);
		emit(p, ", ", 2);
		emit_id(p, t->name);
	} else {
		emit(p, t->domain.p, t->domain.n);
		if (t->domain.p)
			emit(p, ",", 1);
		emit(p, t->name.p, t->name.n);
	}
	emit(p, ")", 1);
}

/* Types nest no deeper than messages do: 100. */
static void put_type_text(printer *p, const ox_type *t)
{
	switch (t->kind) {
	case OX_T_NONE:
		emit_s(p, "none");
		break;
	case OX_T_TENSOR:
		put_shaped(p, t);
		break;
	case OX_T_SPARSE:
		emit_s(p, "sparse_tensor(");
		put_shaped(p, t);
		emit(p, ")", 1);
		break;
	case OX_T_OPAQUE:
		put_opaque(p, t);
		break;
	case OX_T_MAP:
		emit_s(p, "map(");
		put_shaped(
			p,
			&(ox_type){.elem = t->elem, .has_elem = t->has_elem, .has_shape = true});
		emit(p, ", ", 2);
		break;
	case OX_T_SEQUENCE:
		emit_s(p, "seq(");
		break;
	case OX_T_OPTIONAL:
		emit_s(p, "optional(");
		break;
	}
	if (t->kind == OX_T_MAP || t->kind == OX_T_SEQUENCE || t->kind == OX_T_OPTIONAL) {
		if (t->of)
			put_type_text(p, t->of);
		emit(p, ")", 1);
	}
	if (!p->in_line)
		return;
	if (t->denotation.p) {
		emit(p, " @ ", 3);
		emit_escaped(p, t->denotation);
	}
	if (t->unknown.p) {
		emit_s(p, " unknown");
		emit_bytes(p, t->unknown);
	}
	if (t->wire.p) {
		emit_s(p, " wire");
		emit_bytes(p, t->wire);
	}
}

/* Nothing is written for what the grammar cannot say, unless something must stand there. */
static bool put_type(printer *p, const ox_type *t, bool required)
{
	const bool fits = type_fits(t);

	if (!type_is_plain(t) && emit_line(p, "type")) {
		emit(p, " ", 1);
		put_type_text(p, t);
		emit_end(p);
	}
	if (fits)
		put_type_text(p, t);
	else if (required)
		emit_s(p, "float");
	return fits || required;
}

/* ---- elements ------------------------------------------------------------- */
static void put_constant(printer *p, ox_dtype dtype, const uint8_t *raw)
{
	const unsigned size = ox_text_constants[dtype].size,
		       class = ox_text_constants[dtype].class;
	uint64_t v = 0;
	float f;
	double d;

	memcpy(&v, raw, size);        /* little-endian, as the whole tool assumes */
	if (class == OX_C_FLOAT && size == 4) {
		memcpy(&f, raw, sizeof f);
		emit_f32(p, f);
	} else if (class == OX_C_FLOAT) {
		memcpy(&d, raw, sizeof d);
		emit_f64(p, d);
	} else if (class == OX_C_SIGNED && !ox_text_is_packed(dtype)) {
		const uint64_t sign = (uint64_t)1 << (8 * size - 1);
		emit_i64(p, (int64_t)((v ^ sign) - sign));
	} else {
		emit_u64(p, v);
	}
}

static void put_numbers(printer *p, const ox_tensor *t, uint64_t total)
{
	enum { CHUNK = 4096 };
	const unsigned size = ox_text_constants[t->dtype].size;
	uint8_t raw[CHUNK];

	for (uint64_t at = 0; at < total;) {
		const size_t n = total - at < CHUNK ? (size_t)(total - at) : CHUNK;
		if (!ox_tensor_read(p->m, t, at, raw, n)) {
			emit_s(p, at ? ", ..." : "...");
			return;
		}
		for (size_t i = 0; i < n; i += size) {
			if (at + i)
				emit(p, ", ", 2);
			put_constant(p, t->dtype, raw + i);
		}
		at += n;
	}
}

static void put_strings(printer *p, const ox_str *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			emit(p, ", ", 2);
		emit_string(p, s[i].p ? s[i] : OX_S(""));
	}
}

static void put_entries(printer *p, const ox_prop *e, size_t n)
{
	emit(p, "[", 1);
	for (size_t i = 0; i < n; i++) {
		if (i)
			emit(p, ", ", 2);
		emit_string(p, e[i].key);
		emit(p, ": ", 2);
		emit_string(p, e[i].value);
	}
	emit(p, "]", 1);
}

/* Are the bytes what the dims promise, so that they can be written as constants? */
static bool has_elements(const ox_tensor *t, uint64_t *total)
{
	if (!ox_tensor_nbytes(t, total) || t->source == OX_SRC_NONE
	    || t->source == OX_SRC_STRINGS)
		return false;
	return t->source != OX_SRC_BYTES || t->storage == OX_TYPED_WIRE || t->nbytes == *total;
}

static void put_payload(printer *p, const ox_tensor *t)
{
	uint64_t count = 0, total = 0;

	emit(p, "{", 1);
	const bool counted = ox_tensor_count(t, &count);
	if (counted && p->max_elements && count > p->max_elements)
		emit_s(p, "...");
	else if (counted && t->dtype == OX_STRING && t->source == OX_SRC_STRINGS)
		put_strings(p, t->strings, count);
	else if (has_elements(t, &total))
		put_numbers(p, t, total);
	emit(p, "}", 1);
}

/* ---- tensors -------------------------------------------------------------- */

static void put_tensor_details(printer *p, const ox_tensor *t)
{
	uint64_t total;

	put_meta(p, OX_ON_TENSOR, t->meta);
	if (!t->has_dtype || !is_known(t->dtype)) {
		if (emit_directive(p, OX_ON_TENSOR, OX_D_TENSOR_DTYPE)) {
			emit(p, " ", 1);
			if (t->has_dtype)
				emit_i64(p, (int32_t)t->dtype);
			else
				emit_s(p, "none");
			emit_end(p);
		}
	}
	if (t->source == OX_SRC_BYTES && !has_elements(t, &total)
	    && emit_directive(p, OX_ON_TENSOR, OX_D_TENSOR_DATA)) {
		emit_bytes(p, (ox_str){(const char *)t->bytes, t->nbytes});
		emit_end(p);
	}
	if (t->has_location && t->source != OX_SRC_EXTERNAL
	    && emit_directive(p, OX_ON_TENSOR, OX_D_TENSOR_LOCATION)) {
		emit_s(p, " default");
		emit_end(p);
	}
	if (t->source != OX_SRC_EXTERNAL)
		put_props(p, OX_ON_TENSOR, t->external_entries, t->nexternal_entries,
		          OX_D_TENSOR_ENTRY);
}

/* Without its details, which need lines of their own. Upstream wants a bare name in
 * attributes, and takes the '[' of external data for one only behind a '='. */
static void put_tensor_text(printer *p, const ox_tensor *t, ox_str name, bool is_init)
{
	const bool external = t->source == OX_SRC_EXTERNAL;

	emit_s(p, is_known(t->dtype) ? ox_dtype_name(t->dtype) : "uint8");
	for (uint32_t i = 0; i < t->rank; i++) {
		emit(p, i ? "," : "[", 1);
		emit_i64(p, t->dims[i]);
	}
	if (t->rank)
		emit(p, "]", 1);
	emit(p, " ", 1);
	const char *before = is_init || external ? " = " : " ";
	if (is_init || (p->in_line && name.p))
		emit_id(p, name);
	else if (name.p)
		emit_word(p, name, false);
	emit_s(p, is_init || name.p ? before : before + 1);
	if (external)
		put_entries(p, t->external->entries, t->external->nentries);
	else
		put_payload(p, t);
}

static void put_tensor(printer *p, const ox_tensor *t, ox_str name, bool is_init)
{
	put_tensor_text(p, t, name, is_init);
	put_tensor_details(p, t);
}

static void put_dims_arg(printer *p, uint32_t rank, const int64_t *dims)
{
	emit(p, " [", 2);
	for (uint32_t i = 0; i < rank; i++) {
		if (i)
			emit(p, ", ", 2);
		emit_i64(p, dims[i]);
	}
	emit(p, "]", 1);
}

static void put_sparse_part(printer *p, ox_directive d, const ox_tensor *t, ox_str name)
{
	if (!t || !emit_directive(p, OX_ON_SPARSE, d))
		return;
	emit(p, " ", 1);
	put_tensor_text(p, t, name, false);
	emit_end(p);
	put_tensor_details(p, t);
}

static void put_sparse(printer *p, ox_subject subject, ox_directive d, const ox_sparse *s,
                       ox_str name)
{
	if (!emit_directive(p, subject, d))
		return;
	put_dims_arg(p, s->rank, s->dims);
	emit_end(p);
	put_sparse_part(p, OX_D_SPARSE_VALUES, s->values, name);
	put_sparse_part(p, OX_D_SPARSE_INDICES, s->indices,
	                s->indices ? s->indices->name : OX_ABSENT);
	put_unknown(p, OX_ON_SPARSE, s->unknown);
}

/* ---- attributes ----------------------------------------------------------- */

/* Does the value alone not tell the type? */
static bool needs_type(const ox_attr *a)
{
	switch (a->type) {
	case OX_A_UNDEFINED:
		return false;
	case OX_A_FLOATS:
	case OX_A_INTS:
	case OX_A_STRINGS:
		return a->ref || a->n == 0;
	case OX_A_TENSORS:
	case OX_A_GRAPHS:
	case OX_A_TYPES:
	case OX_A_SPARSE:
	case OX_A_SPARSES:
		return true;
	default:
		return a->ref || !a->has_payload;
	}
}

static void put_list(printer *p, const ox_attr *a)
{
	emit(p, "[", 1);
	if (a->type == OX_A_STRINGS)
		put_strings(p, a->strings, a->n);
	for (size_t i = 0; i < a->n && a->type != OX_A_STRINGS && a->type != OX_A_SPARSES; i++) {
		if (i)
			emit(p, ", ", 2);
		if (a->type == OX_A_FLOATS)
			emit_f32(p, a->floats[i]);
		else if (a->type == OX_A_INTS)
			emit_i64(p, a->ints[i]);
		else if (a->type == OX_A_TENSORS)
			put_tensor(p, a->tensors[i], a->tensors[i]->name, false);
		else if (a->type == OX_A_TYPES)
			put_type(p, a->tps[i], true);
		else
			put_graph(p, a->graphs[i], false);
	}
	emit(p, "]", 1);
}

static void put_attr_value(printer *p, const ox_attr *a)
{
	if (ox_text_is_list(a->type)) {
		put_list(p, a);
		return;
	}
	if (!a->has_payload || a->type == OX_A_SPARSE) {
		emit_s(p, "@_");       /* a #@ line follows */
		return;
	}
	switch (a->type) {
	case OX_A_FLOAT:
		emit_f32(p, a->f);
		break;
	case OX_A_INT:
		emit_i64(p, a->i);
		break;
	case OX_A_STRING:
		emit_string(p, a->s);
		break;
	case OX_A_TENSOR:
		put_tensor(p, a->t, a->t->name, false);
		break;
	case OX_A_GRAPH:
		put_graph(p, a->g, false);
		break;
	case OX_A_TYPE:
		put_type(p, a->tp, true);
		break;
	default:
		break;
	}
}

static void put_none(printer *p, ox_directive d)
{
	if (!emit_directive(p, OX_ON_ATTR, d))
		return;
	emit_s(p, " none");
	emit_end(p);
}

static void put_attr_details(printer *p, const ox_attr *a)
{
	if (!a->ref && !ox_text_is_list(a->type) && !a->has_payload)
		put_none(p, OX_D_ATTR_VALUE);
	if (!a->ref && a->type == OX_A_SPARSE && a->has_payload)
		put_sparse(p, OX_ON_ATTR, OX_D_ATTR_SPARSE, a->sparse,
		           a->sparse->values ? a->sparse->values->name : OX_ABSENT);
	for (size_t i = 0; !a->ref && a->type == OX_A_SPARSES && i < a->n; i++) {
		const ox_sparse *s = a->sparses[i];
		put_sparse(p, OX_ON_ATTR, OX_D_ATTR_SPARSE, s,
		           s->values ? s->values->name : OX_ABSENT);
	}
	if (!a->has_type && a->type)
		put_none(p, OX_D_ATTR_TYPE);
	put_meta(p, OX_ON_ATTR, a->meta);
}

/* In the attributes of a function a name may be quoted. */
static void put_attr(printer *p, const ox_attr *a, bool of_function)
{
	if (of_function)
		emit_name(p, a->name);
	else
		emit_word(p, ox_name_str(a->name), false);
	if (needs_type(a)) {
		emit(p, ": ", 2);
		emit_s(p, ox_attr_type_name(a->type));
	}
	emit(p, " = ", 3);
	if (a->ref) {
		emit(p, "@", 1);
		emit_name(p, a->ref);
	} else {
		put_attr_value(p, a);
	}
	put_attr_details(p, a);
}

static void put_attrs(printer *p, const ox_node *n)
{
	emit(p, " <", 2);
	for (uint32_t i = 0; i < n->nattr; i++) {
		if (i)
			emit(p, ", ", 2);
		put_attr(p, &n->attr[i], false);
	}
	emit(p, ">", 1);
}

/* ---- nodes ---------------------------------------------------------------- */

static void put_device(printer *p, const ox_device_config *c)
{
	if (!emit_directive(p, OX_ON_NODE, OX_D_NODE_DEVICE))
		return;
	emit_arg(p, c->id);
	emit_end(p);
	if (c->has_stage && emit_directive(p, OX_ON_DEVICE, OX_D_DEVICE_STAGE)) {
		emit(p, " ", 1);
		emit_i64(p, c->stage);
		emit_end(p);
	}
	for (size_t i = 0; i < c->nshards; i++) {
		const ox_shard *s = &c->shards[i];
		if (!ox_ref_lives(&s->tensor)
		    || !emit_directive(p, OX_ON_DEVICE, OX_D_DEVICE_SHARD))
			continue;
		emit_arg(p, s->has_tensor ? ox_name_str(ox_ref_name(&s->tensor)) : OX_ABSENT);
		emit_bytes(p, s->rest);
		emit_end(p);
	}
	put_unknown(p, OX_ON_DEVICE, c->unknown);
}

static void put_node_details(printer *p, const ox_node *n)
{
	/* Upstream's parser writes an empty domain whether there is one or not. */
	if (n->domain && !n->domain->n && emit_directive(p, OX_ON_NODE, OX_D_NODE_DOMAIN)) {
		emit_s(p, " \"\"");
		emit_end(p);
	}
	if (n->overload && !n->overload->n && emit_directive(p, OX_ON_NODE, OX_D_NODE_OVERLOAD)) {
		emit_s(p, " \"\"");
		emit_end(p);
	}
	put_meta(p, OX_ON_NODE, n->meta);
	for (size_t i = 0; i < n->ndevices; i++)
		put_device(p, &n->devices[i]);
}

static void put_op(printer *p, const ox_node *n)
{
	const ox_str domain = ox_name_str(n->domain);

	if (domain.n) {
		if (emit_is_qualified(domain))
			emit(p, domain.p, domain.n);
		else
			emit_word(p, domain, false);
		emit(p, ".", 1);
	}
	emit_word(p, ox_name_str(n->op_type), false);
	if (n->overload && n->overload->n) {
		emit(p, ":", 1);
		emit_word(p, ox_name_str(n->overload), false);
	}
}

static ox_str value_name(const ox_value *v)
{
	return v && v->name ? ox_name_str(v->name) : OX_S("");
}

static void put_node(printer *p, const ox_node *n)
{
	bool graphs_last = false;

	for (uint32_t i = 0; i < n->nattr; i++)
		graphs_last |= (n->attr[i].type == OX_A_GRAPH && n->attr[i].g)
		               || (n->attr[i].type == OX_A_GRAPHS && n->attr[i].n);
	if (n->name.p) {
		emit(p, "[", 1);
		p->indent += STEP;
		emit_id(p, n->name);
		emit(p, "] ", 2);
		p->indent -= STEP;
	}
	for (uint32_t i = 0; i < n->nout; i++) {
		if (i)
			emit(p, ", ", 2);
		emit_id(p, value_name(n->out[i]));
	}
	emit(p, n->nout ? " = " : "= ", n->nout ? 3 : 2);
	p->indent += STEP;
	put_op(p, n);
	if (n->nattr && !graphs_last)
		put_attrs(p, n);
	emit(p, " (", 2);
	for (uint32_t i = 0; i < n->nin; i++) {
		if (i)
			emit(p, ", ", 2);
		emit_id(p, value_name(n->in[i].val));
	}
	emit(p, ")", 1);
	if (n->nattr && graphs_last)
		put_attrs(p, n);
	put_node_details(p, n);
	p->indent -= STEP;
}

/* ---- graphs --------------------------------------------------------------- */

static void put_decl(printer *p, ox_str name, const ox_type *type, const ox_meta *meta)
{
	if (type && put_type(p, type, false))
		emit(p, " ", 1);
	emit_id(p, name);
	/* a type that is present but says nothing needs a line that says so, which is there */
	put_meta(p, OX_ON_VALUE, meta);
}

/* "<" before the first item of a list on lines of its own, "," between the others. */
static void next_item(printer *p, bool *any)
{
	if (*any) {
		emit(p, ",", 1);
		emit_break(p);
	} else {
		emit_break(p);
		emit(p, "<", 1);
		p->indent++;
	}
	*any = true;
}

static void end_items(printer *p, bool any)
{
	if (any) {
		emit(p, ">", 1);
		p->indent--;
	}
	if (any)
		emit_break(p);
	else
		emit(p, " ", 1);
}

static bool put_value_infos(printer *p, const ox_graph *g, bool any)
{
	for (size_t i = 0; i < g->value_info.n; i++) {
		const ox_decl *d = &g->value_info.p[i];
		if (!ox_decl_lives(d))
			continue;
		next_item(p, &any);
		put_decl(p, ox_name_str(ox_decl_name(d)), d->type, d->meta);
	}
	return any;
}

static void put_inits(printer *p, const ox_graph *g)
{
	bool any = false;

	for (size_t i = 0; i < g->inits.n; i++) {
		const ox_value *v = g->inits.p[i];
		if (!v || v->home == OX_HOME_DEAD || !v->tensor)
			continue;
		next_item(p, &any);
		put_tensor(p, v->tensor, ox_name_str(v->name), true);
	}
	end_items(p, put_value_infos(p, g, any));
}

static void put_annotation(printer *p, const ox_annotation *a)
{
	bool any = false;

	if (!ox_ref_lives(&a->tensor) || !emit_directive(p, OX_ON_GRAPH, OX_D_GRAPH_ANNOTATION))
		return;
	emit_arg(p, ox_name_str(ox_ref_name(&a->tensor)));
	for (size_t i = 0; i < a->n; i++) {
		if (!ox_ref_lives(&a->values[i]))
			continue;
		emit_s(p, any ? "," : "");
		emit_arg(p, a->keys[i]);
		emit(p, ":", 1);
		emit_arg(p, ox_name_str(ox_ref_name(&a->values[i])));
		any = true;
	}
	emit_end(p);
	put_unknown(p, OX_ON_ANNOTATION, a->unknown);
}

static void put_graph_details(printer *p, const ox_graph *g)
{
	put_meta(p, OX_ON_GRAPH, g->meta);
	for (size_t i = 0; i < g->sparse.n; i++) {
		const ox_value *v = g->sparse.p[i];
		if (v && v->home != OX_HOME_DEAD && v->sparse)
			put_sparse(p, OX_ON_GRAPH, OX_D_GRAPH_SPARSE, v->sparse,
			           ox_name_str(v->name));
	}
	for (size_t i = 0; i < g->annotations.n; i++)
		put_annotation(p, &g->annotations.p[i]);
}

/* The block of a graph, or of function f. */
static void put_block(printer *p, const ox_graph *g, const ox_function *f)
{
	emit(p, "{", 1);
	if (p->brief) {
		emit_s(p, "...}");
		return;
	}
	emit_break(p);
	p->indent += STEP;
	if (f && f->meta) {
		put_props(p, OX_ON_FUNCTION, f->meta->props, f->meta->nprops, OX_D_PROP);
		put_unknown(p, OX_ON_FUNCTION, f->meta->unknown);
	}
	put_graph_details(p, g);
	ox_foreach_node(n, g) {
		emit_break(p);
		put_node(p, n);
	}
	emit_break(p);
	p->indent -= STEP;
	emit(p, "}", 1);
}

static void put_graph(printer *p, const ox_graph *g, bool is_main)
{
	if (is_main)
		emit_name(p, g->name);
	else
		emit_word(p, ox_name_str(g->name), true);
	p->indent += STEP;
	emit(p, " (", 2);
	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_decl *d = &g->inputs.p[i];
		if (i)
			emit(p, ", ", 2);
		put_decl(p, ox_name_str(ox_decl_name(d)), d->type, d->meta);
	}
	emit_s(p, ") => (");
	for (size_t i = 0; i < g->outputs.n; i++) {
		const ox_output *o = g->outputs.p[i];
		if (i)
			emit(p, ", ", 2);
		put_decl(p, ox_name_str(o->name), o->type, o->meta);
	}
	emit(p, ")", 1);
	p->indent -= STEP;
	if (p->brief)
		emit(p, " ", 1);
	else
		put_inits(p, g);
	put_block(p, g, NULL);
}

/* ---- functions ------------------------------------------------------------ */

/* "<key: " or ", key: " */
static void put_key(printer *p, bool *any, const char *key)
{
	emit(p, *any ? ", " : "<", *any ? 2 : 1);
	p->indent += *any ? 0 : STEP;
	emit_s(p, key);
	emit(p, ": ", 2);
	*any = true;
}

static void end_header(printer *p, bool any)
{
	if (!any)
		return;
	emit(p, ">", 1);
	p->indent -= STEP;
	emit_break(p);
}

static void put_text_key(printer *p, bool *any, const char *key, ox_str s)
{
	if (!s.p)
		return;
	put_key(p, any, key);
	emit_string(p, s);
}

static void put_int_key(printer *p, bool *any, const char *key, bool present, int64_t v)
{
	if (!present)
		return;
	put_key(p, any, key);
	emit_i64(p, v);
}

static void put_opset(printer *p, const ox_opset *o)
{
	emit_string(p, o->domain ? ox_name_str(o->domain) : OX_S(""));
	emit(p, " : ", 3);
	emit_i64(p, o->has_version ? o->version : 0);
	if (!o->domain && emit_directive(p, OX_ON_OPSET, OX_D_OPSET_DOMAIN)) {
		emit_s(p, " none");
		emit_end(p);
	}
	if (!o->has_version && emit_directive(p, OX_ON_OPSET, OX_D_OPSET_VERSION)) {
		emit_s(p, " none");
		emit_end(p);
	}
	put_unknown(p, OX_ON_OPSET, o->unknown);
}

static void put_opsets(printer *p, bool *any, const ox_opset *o, size_t n)
{
	if (!n)
		return;
	put_key(p, any, "opset_import");
	emit(p, "[", 1);
	for (size_t i = 0; i < n; i++) {
		if (i)
			emit(p, ", ", 2);
		put_opset(p, &o[i]);
	}
	emit(p, "]", 1);
}

static void put_names(printer *p, const ox_graph *g, bool outputs)
{
	const size_t n = outputs ? g->outputs.n : g->inputs.n;

	emit(p, "(", 1);
	for (size_t i = 0; i < n; i++) {
		if (i)
			emit(p, ", ", 2);
		emit_id(p, ox_name_str(outputs ? g->outputs.p[i]->name
		                               : ox_decl_name(&g->inputs.p[i])));
	}
	emit(p, ")", 1);
}

static void put_function_attrs(printer *p, const ox_function *f)
{
	bool any = false;

	for (size_t i = 0; i < f->attributes.n; i++, any = true) {
		emit(p, any ? ", " : "<", any ? 2 : 1);
		emit_name(p, f->attributes.p[i]);
	}
	for (size_t i = 0; i < f->defaults.n; i++, any = true) {
		emit(p, any ? ", " : "<", any ? 2 : 1);
		put_attr(p, &f->defaults.p[i], true);
	}
	if (any)
		emit(p, "> ", 2);
}

static void put_function(printer *p, const ox_function *f)
{
	bool any = false;

	p->breaks = 2;
	put_text_key(p, &any, "domain", ox_name_str(f->domain));
	put_text_key(p, &any, "overload", ox_name_str(f->overload));
	put_opsets(p, &any, f->opsets.p, f->opsets.n);
	put_text_key(p, &any, "doc_string", f->meta ? f->meta->doc : OX_ABSENT);
	end_header(p, any);
	emit_name(p, f->name);
	emit(p, " ", 1);
	put_function_attrs(p, f);
	put_names(p, f->body, false);
	emit(p, " => ", 4);
	put_names(p, f->body, true);
	end_items(p, put_value_infos(p, f->body, false));
	put_block(p, f->body, f);
}

/* ---- models --------------------------------------------------------------- */

static void put_header(printer *p)
{
	const ox_model *m = p->m;
	const ox_meta *meta = m->meta;
	bool any = false;

	put_int_key(p, &any, "ir_version", m->has_ir_version, m->ir_version);
	put_opsets(p, &any, m->opsets.p, m->opsets.n);
	put_text_key(p, &any, "producer_name", m->producer_name);
	put_text_key(p, &any, "producer_version", m->producer_version);
	put_text_key(p, &any, "domain", m->domain);
	put_int_key(p, &any, "model_version", m->has_model_version, m->model_version);
	put_text_key(p, &any, "doc_string", meta ? meta->doc : OX_ABSENT);
	if (meta && meta->nprops) {
		put_key(p, &any, "metadata_props");
		put_entries(p, meta->props, meta->nprops);
	}
	end_header(p, any);
}

static void put_model_details(printer *p)
{
	const ox_model *m = p->m;

	put_unknown(p, OX_ON_MODEL, m->meta ? m->meta->unknown : OX_ABSENT);
	for (size_t i = 0; i < m->training.n; i++) {
		const ox_training *t = &m->training.p[i];
		if (!emit_directive(p, OX_ON_MODEL, OX_D_MODEL_TRAINING))
			return;
		emit_bytes(p, t->wire);
		for (size_t k = 0; k < t->bindings.n; k++)
			emit_arg(p, ox_name_str(ox_ref_name(&t->bindings.p[k])));
		emit_end(p);
	}
	for (size_t i = 0; i < m->configuration.n; i++) {
		if (!emit_directive(p, OX_ON_MODEL, OX_D_MODEL_CONFIGURATION))
			return;
		emit_bytes(p, m->configuration.p[i]);
		emit_end(p);
	}
}

void ox_print(FILE *f, const ox_model *m, const ox_print_options *o)
{
	printer p;

	/* The buffers are large; only the first bytes need a value. */
	memset(&p, 0, offsetof(printer, buf));
	p.powers.ready = false;
	p.f = f;
	p.m = m;
	p.max_elements = o ? o->max_elements : 0;
	p.comments = !(o && o->no_comments);
	put_header(&p);
	put_model_details(&p);
	if (m->graph)
		put_graph(&p, m->graph, true);
	for (size_t i = 0; i < m->functions.n; i++)
		if (!m->functions.p[i]->dead)
			put_function(&p, m->functions.p[i]);
	emit_finish(&p);
}

void ox_print_node(FILE *f, const ox_node *n)
{
	printer p;

	memset(&p, 0, offsetof(printer, buf));
	p.powers.ready = false;
	p.f = f;
	p.m = n->graph ? n->graph->model : NULL;
	p.max_elements = BRIEF_ELEMENTS;
	p.brief = true;
	put_node(&p, n);
	emit_finish(&p);
}
