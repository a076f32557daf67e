/* equal.c - are two models the same in every field?
 *
 * Names are compared as text, payloads as bits, presence of fields as such. Not compared is
 * how a tensor is stored (raw, typed, splat), and what linking finds out by itself. Order
 * counts everywhere, because it does in the file. Time is linear; memory is not needed but
 * for the sentence.
 */
#include "ir/internal.h"

/* Where we are, as a list on the stack; written down only when something differs. */
typedef struct where {
	const struct where *up;
	const char *what;             /* "input", "attribute" */
	ox_str name;                  /* absent: none to show */
	int64_t index;                /* < 0: none */
} where;

typedef struct equal {
	const ox_model *a, *b;
	ox_arena *arena;
	const char **why;
} equal;

static bool graphs_equal(equal *q, const where *w, const ox_graph *a, const ox_graph *b);

/* ---- saying why ----------------------------------------------------------- */

static ox_str path(equal *q, const where *w)
{
	ox_str up = OX_ABSENT, here;

	if (!w)
		return OX_S("model");
	if (w->up)
		up = path(q, w->up);          /* as deep as graphs and types nest */
	here = ox_cstr(w->what);
	if (w->index >= 0)
		here = ox_str_printf(q->arena, "%s %lld", here.p, (long long)w->index);
	if (w->name.p)
		here = ox_str_printf(q->arena, "%s '%s'", here.p, ox_show(q->arena, w->name));
	return up.p ? ox_str_printf(q->arena, "%s, %s", up.p, here.p) : here;
}

OX_PRINTF(3, 4) static bool differ(equal *q, const where *w, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (q->why)
		*q->why = ox_str_printf(q->arena, "%s: %s", path(q, w).p, text).p;
	return false;
}

static const char *show(equal *q, ox_str s)
{
	return s.p ? ox_str_printf(q->arena, "'%s'", ox_show(q->arena, s)).p : "absent";
}

/* ---- leaves --------------------------------------------------------------- */

static bool same(ox_str a, ox_str b)
{
	return !a.p == !b.p && ox_str_eq(a, b);
}

static bool strs_equal(equal *q, const where *w, const char *what, ox_str a, ox_str b)
{
	return same(a, b) || differ(q, w, "%s is %s and %s", what, show(q, a), show(q, b));
}

static bool names_equal(equal *q, const where *w, const char *what, const ox_name *a,
                        const ox_name *b)
{
	return strs_equal(q, w, what, ox_name_str(a), ox_name_str(b));
}

static bool bytes_equal(equal *q, const where *w, const char *what, ox_str a, ox_str b)
{
	if (same(a, b))
		return true;
	return a.p && b.p ? differ(q, w, "%s differ: %zu and %zu bytes", what, a.n, b.n)
	                  : differ(q, w, "%s: present in one only", what);
}

static bool counts_equal(equal *q, const where *w, const char *what, uint64_t a, uint64_t b)
{
	return a == b
	       || differ(q, w, "%llu %s and %llu", (unsigned long long)a, what,
	                 (unsigned long long)b);
}

static bool ints_equal(equal *q, const where *w, const char *what, int64_t a, int64_t b)
{
	return a == b || differ(q, w, "%s is %lld and %lld", what, (long long)a, (long long)b);
}

/* Presence and value of an optional number. */
static bool optional_equal(equal *q, const where *w, const char *what, bool has_a, int64_t a,
                           bool has_b, int64_t b)
{
	if (has_a != has_b)
		return differ(q, w, "%s is present in one only", what);
	return !has_a || ints_equal(q, w, what, a, b);
}

static bool props_equal(equal *q, const where *w, const char *what, const ox_prop *a, size_t na,
                        const ox_prop *b, size_t nb)
{
	if (!counts_equal(q, w, what, na, nb))
		return false;
	for (size_t i = 0; i < na; i++)
		if (!same(a[i].key, b[i].key) || !same(a[i].value, b[i].value))
			return differ(q, w, "%s %zu is %s: %s and %s: %s", what, i,
			              show(q, a[i].key), show(q, a[i].value), show(q, b[i].key),
			              show(q, b[i].value));
	return true;
}

static bool metas_equal(equal *q, const where *w, const ox_meta *a, const ox_meta *b)
{
	static const ox_meta none;

	if (a == b)
		return true;
	a = a ? a : &none;
	b = b ? b : &none;
	return strs_equal(q, w, "doc_string", a->doc, b->doc)
	       && props_equal(q, w, "metadata_props", a->props, a->nprops, b->props, b->nprops)
	       && bytes_equal(q, w, "unknown fields", a->unknown, b->unknown);
}

/* ---- types ---------------------------------------------------------------- */

static bool dims_equal(ox_dim a, ox_dim b)
{
	if (!a || !b || a->kind != b->kind)
		return a == b;
	if (a->kind == OX_DIM_NUM)
		return a->num == b->num;
	return a->kind == OX_DIM_SYM ? ox_str_eq(ox_name_str(a->sym), ox_name_str(b->sym)) : a == b;
}

static bool shapes_equal(equal *q, const where *w, const ox_type *a, const ox_type *b)
{
	if (a->has_shape != b->has_shape)
		return differ(q, w, "one shape is unknown");
	if (!counts_equal(q, w, "dims", a->rank, b->rank))
		return false;
	for (uint32_t i = 0; i < a->rank; i++) {
		if (!dims_equal(a->dims[i], b->dims[i]))
			return differ(q, w, "dim %u differs", i);
		if (!strs_equal(q, w, "the denotation of a dim",
		                a->denotations ? a->denotations[i] : OX_ABSENT,
		                b->denotations ? b->denotations[i] : OX_ABSENT))
			return false;
	}
	return true;
}

static bool types_equal(equal *q, const where *w, const ox_type *a, const ox_type *b)
{
	for (; a || b; a = a->of, b = b->of) {
		if (!a || !b)
			return differ(q, w, "the type is present in one only");
		if (a->kind != b->kind)
			return differ(q, w, "the types are of two kinds");
		if (a->has_elem != b->has_elem || (a->has_elem && a->elem != b->elem))
			return differ(q, w, "the element type is %s and %s",
			              ox_dtype_name(a->elem), ox_dtype_name(b->elem));
		if (!shapes_equal(q, w, a, b)
		    || !strs_equal(q, w, "the domain of the type", a->domain, b->domain)
		    || !strs_equal(q, w, "the name of the type", a->name, b->name)
		    || !strs_equal(q, w, "the denotation", a->denotation, b->denotation)
		    || !bytes_equal(q, w, "unknown fields of the type", a->unknown, b->unknown)
		    || !bytes_equal(q, w, "the bytes of the type", a->wire, b->wire))
			return false;
	}
	return true;
}

/* ---- tensors -------------------------------------------------------------- */

static bool payloads_equal(equal *q, const where *w, const ox_tensor *a, const ox_tensor *b,
                           uint64_t total)
{
	enum { CHUNK = 16 << 10 };
	uint8_t x[CHUNK], y[CHUNK];

	for (uint64_t at = 0; at < total;) {
		const size_t n = total - at < CHUNK ? (size_t)(total - at) : CHUNK;
		if (!ox_tensor_read(q->a, a, at, x, n) || !ox_tensor_read(q->b, b, at, y, n))
			return differ(q, w, "the data of one cannot be read");
		for (size_t i = 0; i < n; i++)
			if (x[i] != y[i])
				return differ(q, w, "byte %llu of the data is 0x%02x and 0x%02x",
				              (unsigned long long)(at + i), x[i], y[i]);
		at += n;
	}
	return true;
}

static bool strings_equal(equal *q, const where *w, const ox_tensor *a, const ox_tensor *b)
{
	uint64_t n = 0;

	if (!ox_tensor_count(a, &n) || n == 0)
		return true;
	if (a->source != OX_SRC_STRINGS || b->source != OX_SRC_STRINGS)
		return a->source == b->source || differ(q, w, "the strings of one are missing");
	for (uint64_t i = 0; i < n; i++)
		if (!ox_str_eq(a->strings[i], b->strings[i]))
			return differ(q, w, "element %llu is %s and %s", (unsigned long long)i,
			              show(q, a->strings[i]), show(q, b->strings[i]));
	return true;
}

/* Bytes of a type that we do not know, or that are not as many as the dims say. */
static bool opaque_equal(equal *q, const where *w, const ox_tensor *a, const ox_tensor *b)
{
	const ox_str x = a->source == OX_SRC_BYTES ? (ox_str){(const char *)a->bytes, a->nbytes}
	                                           : OX_ABSENT;
	const ox_str y = b->source == OX_SRC_BYTES ? (ox_str){(const char *)b->bytes, b->nbytes}
	                                           : OX_ABSENT;

	return ox_str_eq(x, y) || differ(q, w, "the data differ");
}

static bool data_equal(equal *q, const where *w, const ox_tensor *a, const ox_tensor *b)
{
	uint64_t total;

	if (a->source == OX_SRC_EXTERNAL && b->source == OX_SRC_EXTERNAL)
		return props_equal(q, w, "external_data", a->external->entries,
		                   a->external->nentries, b->external->entries,
		                   b->external->nentries);
	if (a->source != OX_SRC_EXTERNAL && b->source != OX_SRC_EXTERNAL
	    && (a->has_location != b->has_location
	        || !props_equal(q, w, "external_data", a->external_entries, a->nexternal_entries,
	                        b->external_entries, b->nexternal_entries)))
		return a->has_location == b->has_location
		               ? false
		               : differ(q, w, "data_location is present in one only");
	if (a->dtype == OX_STRING)
		return strings_equal(q, w, a, b);
	if (!ox_tensor_nbytes(a, &total))
		return opaque_equal(q, w, a, b);
	if (a->source == OX_SRC_NONE && b->source == OX_SRC_NONE)
		return true;
	return payloads_equal(q, w, a, b, total);
}

static bool tensors_equal(equal *q, const where *up, const char *what, const ox_tensor *a,
                          const ox_tensor *b, ox_str name, bool is_init)
{
	const where w = {up, what, name, -1};

	if (!a || !b)
		return a == b || differ(q, &w, "present in one only");
	if (!optional_equal(q, &w, "data_type", a->has_dtype, a->dtype, b->has_dtype, b->dtype)
	    || !counts_equal(q, &w, "dims", a->rank, b->rank))
		return false;
	for (uint32_t i = 0; i < a->rank; i++)
		if (a->dims[i] != b->dims[i])
			return differ(q, &w, "dim %u is %lld and %lld", i, (long long)a->dims[i],
			              (long long)b->dims[i]);
	if (!is_init && !strs_equal(q, &w, "name", a->name, b->name))
		return false;
	return metas_equal(q, &w, a->meta, b->meta) && data_equal(q, &w, a, b);
}

static bool sparses_equal(equal *q, const where *up, const ox_sparse *a, const ox_sparse *b,
                          ox_str name, bool is_init)
{
	const where w = {up, "sparse tensor", name, -1};

	if (!a || !b)
		return a == b || differ(q, &w, "present in one only");
	if (!counts_equal(q, &w, "dims", a->rank, b->rank))
		return false;
	for (uint32_t i = 0; i < a->rank; i++)
		if (a->dims[i] != b->dims[i])
			return differ(q, &w, "dim %u is %lld and %lld", i, (long long)a->dims[i],
			              (long long)b->dims[i]);
	return tensors_equal(q, &w, "values", a->values, b->values, OX_ABSENT, is_init)
	       && tensors_equal(q, &w, "indices", a->indices, b->indices, OX_ABSENT, false)
	       && bytes_equal(q, &w, "unknown fields", a->unknown, b->unknown);
}

/* ---- attributes ----------------------------------------------------------- */

static bool floats_equal(equal *q, const where *w, const float *a, const float *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(&a[i], &b[i], sizeof *a) != 0)
			return differ(q, w, "value %zu is %.9g and %.9g", i, (double)a[i],
			              (double)b[i]);
	return true;
}

static bool list_equal(equal *q, const where *up, const ox_attr *a, const ox_attr *b)
{
	if (!counts_equal(q, up, "values", a->n, b->n))
		return false;
	if (a->type == OX_A_FLOATS)
		return floats_equal(q, up, a->floats, b->floats, a->n);
	for (size_t i = 0; i < a->n; i++) {
		const where w = {up, "value", OX_ABSENT, (int64_t)i};
		bool ok = true;
		switch (a->type) {
		case OX_A_INTS:
			ok = ints_equal(q, &w, "it", a->ints[i], b->ints[i]);
			break;
		case OX_A_STRINGS:
			ok = ox_str_eq(a->strings[i], b->strings[i])
			     || differ(q, &w, "the strings differ");
			break;
		case OX_A_TENSORS:
			ok = tensors_equal(q, &w, "tensor", a->tensors[i], b->tensors[i],
			                   OX_ABSENT, false);
			break;
		case OX_A_GRAPHS:
			ok = graphs_equal(q, &w, a->graphs[i], b->graphs[i]);
			break;
		case OX_A_TYPES:
			ok = types_equal(q, &w, a->tps[i], b->tps[i]);
			break;
		case OX_A_SPARSES:
			ok = sparses_equal(q, &w, a->sparses[i], b->sparses[i], OX_ABSENT, false);
			break;
		default:
			break;
		}
		if (!ok)
			return false;
	}
	return true;
}

static bool value_equal(equal *q, const where *w, const ox_attr *a, const ox_attr *b)
{
	if (a->has_payload != b->has_payload)
		return differ(q, w, "the value is present in one only");
	switch (a->type) {
	case OX_A_FLOAT:
		return floats_equal(q, w, &a->f, &b->f, a->has_payload);
	case OX_A_INT:
		return ints_equal(q, w, "the value", a->i, b->i);
	case OX_A_STRING:
		return !a->has_payload || ox_str_eq(a->s, b->s)
		       || differ(q, w, "the value is %s and %s", show(q, a->s), show(q, b->s));
	case OX_A_TENSOR:
		return tensors_equal(q, w, "tensor", a->t, b->t, OX_ABSENT, false);
	case OX_A_GRAPH:
		return !a->has_payload || graphs_equal(q, w, a->g, b->g);
	case OX_A_TYPE:
		return types_equal(q, w, a->tp, b->tp);
	case OX_A_SPARSE:
		return sparses_equal(q, w, a->sparse, b->sparse, OX_ABSENT, false);
	case OX_A_UNDEFINED:
		return true;
	default:
		return list_equal(q, w, a, b);
	}
}

static bool attrs_equal(equal *q, const where *up, const ox_attr *a, const ox_attr *b, size_t i)
{
	const where w = {up, "attribute", ox_name_str(a->name), (int64_t)i};

	if (!names_equal(q, &w, "name", a->name, b->name)
	    || !names_equal(q, &w, "ref_attr_name", a->ref, b->ref)
	    || !metas_equal(q, &w, a->meta, b->meta))
		return false;
	if (a->has_type != b->has_type)
		return differ(q, &w, "the type is present in one only");
	if (a->type != b->type)
		return differ(q, &w, "the type is %s and %s", ox_attr_type_name(a->type),
		              ox_attr_type_name(b->type));
	return a->ref || value_equal(q, &w, a, b);
}

/* ---- nodes ---------------------------------------------------------------- */

static ox_str value_name(const ox_value *v)
{
	return v && v->name ? ox_name_str(v->name) : OX_S("");
}

/* References to what was removed are not written, so they do not count. */
static const ox_shard *next_shard(const ox_device_config *c, size_t *i)
{
	while (*i < c->nshards && !ox_ref_lives(&c->shards[*i].tensor))
		++*i;
	return *i < c->nshards ? &c->shards[(*i)++] : NULL;
}

static bool devices_equal(equal *q, const where *w, const ox_device_config *a,
                          const ox_device_config *b)
{
	if (!strs_equal(q, w, "configuration_id", a->id, b->id)
	    || !optional_equal(q, w, "pipeline_stage", a->has_stage, a->stage, b->has_stage,
	                       b->stage)
	    || !bytes_equal(q, w, "unknown fields", a->unknown, b->unknown))
		return false;
	for (size_t i = 0, j = 0;;) {
		const ox_shard *x = next_shard(a, &i), *y = next_shard(b, &j);
		if (!x && !y)
			return true;
		if (!x || !y || x->has_tensor != y->has_tensor
		    || (x->has_tensor
		        && !ox_str_eq(ox_name_str(ox_ref_name(&x->tensor)),
		                      ox_name_str(ox_ref_name(&y->tensor))))
		    || !ox_str_eq(x->rest, y->rest))
			return differ(q, w, "the sharding differs");
	}
}

static bool nodes_equal(equal *q, const where *up, const ox_node *a, const ox_node *b, size_t i)
{
	const where w = {up, "node", a->name, (int64_t)i};

	if (!names_equal(q, &w, "op_type", a->op_type, b->op_type)
	    || !names_equal(q, &w, "domain", a->domain, b->domain)
	    || !names_equal(q, &w, "overload", a->overload, b->overload)
	    || !strs_equal(q, &w, "name", a->name, b->name)
	    || !counts_equal(q, &w, "inputs", a->nin, b->nin)
	    || !counts_equal(q, &w, "outputs", a->nout, b->nout)
	    || !counts_equal(q, &w, "attributes", a->nattr, b->nattr)
	    || !counts_equal(q, &w, "device configurations", a->ndevices, b->ndevices)
	    || !metas_equal(q, &w, a->meta, b->meta))
		return false;
	for (uint32_t k = 0; k < a->nin; k++)
		if (!strs_equal(q, &w, "an input", value_name(a->in[k].val),
		                value_name(b->in[k].val)))
			return false;
	for (uint32_t k = 0; k < a->nout; k++)
		if (!strs_equal(q, &w, "an output", value_name(a->out[k]), value_name(b->out[k])))
			return false;
	for (uint32_t k = 0; k < a->nattr; k++)
		if (!attrs_equal(q, &w, &a->attr[k], &b->attr[k], k))
			return false;
	for (size_t k = 0; k < a->ndevices; k++)
		if (!devices_equal(q, &w, &a->devices[k], &b->devices[k]))
			return false;
	return true;
}

/* ---- graphs --------------------------------------------------------------- */

static bool decl_equal(equal *q, const where *up, const char *what, size_t i, const ox_decl *a,
                       const ox_decl *b)
{
	const where w = {up, what, ox_name_str(ox_decl_name(a)), (int64_t)i};

	return names_equal(q, &w, "name", ox_decl_name(a), ox_decl_name(b))
	       && types_equal(q, &w, a->type, b->type) && metas_equal(q, &w, a->meta, b->meta);
}

static bool interfaces_equal(equal *q, const where *up, const ox_graph *a, const ox_graph *b)
{
	if (!counts_equal(q, up, "inputs", a->inputs.n, b->inputs.n)
	    || !counts_equal(q, up, "outputs", a->outputs.n, b->outputs.n))
		return false;
	for (size_t i = 0; i < a->inputs.n; i++)
		if (!decl_equal(q, up, "input", i, &a->inputs.p[i], &b->inputs.p[i]))
			return false;
	for (size_t i = 0; i < a->outputs.n; i++) {
		const ox_output *x = a->outputs.p[i], *y = b->outputs.p[i];
		const where w = {up, "output", ox_name_str(x->name), (int64_t)i};
		if (!names_equal(q, &w, "name", x->name, y->name)
		    || !types_equal(q, &w, x->type, y->type)
		    || !metas_equal(q, &w, x->meta, y->meta))
			return false;
	}
	return true;
}

static const ox_decl *next_info(const ox_graph *g, size_t *i)
{
	while (*i < g->value_info.n && !ox_decl_lives(&g->value_info.p[*i]))
		++*i;
	return *i < g->value_info.n ? &g->value_info.p[(*i)++] : NULL;
}

static bool infos_equal(equal *q, const where *up, const ox_graph *a, const ox_graph *b)
{
	for (size_t i = 0, j = 0, count = 0;; count++) {
		const ox_decl *x = next_info(a, &i), *y = next_info(b, &j);
		if (!x && !y)
			return true;
		if (!x || !y)
			return differ(q, up, "one has more than %zu value_info entries", count);
		if (!decl_equal(q, up, "value_info", count, x, y))
			return false;
	}
}

static const ox_value *next_init(ox_value *const *p, size_t n, size_t *i)
{
	while (*i < n && (!p[*i] || p[*i]->home == OX_HOME_DEAD))
		++*i;
	return *i < n ? p[(*i)++] : NULL;
}

static bool inits_equal(equal *q, const where *up, ox_value *const *a, size_t na,
                        ox_value *const *b, size_t nb)
{
	for (size_t i = 0, j = 0, count = 0;; count++) {
		const ox_value *x = next_init(a, na, &i), *y = next_init(b, nb, &j);
		if (!x && !y)
			return true;
		if (!x || !y)
			return differ(q, up, "one has more than %zu initializers", count);
		const where w = {up, "initializer", ox_name_str(x->name), (int64_t)count};
		if (!names_equal(q, &w, "name", x->name, y->name)
		    || (!(x->sparse && y->sparse)
		        && !tensors_equal(q, &w, "tensor", x->tensor, y->tensor, OX_ABSENT, true))
		    || !sparses_equal(q, &w, x->sparse, y->sparse, OX_ABSENT, true))
			return false;
	}
}

static const ox_annotation *next_annotation(const ox_graph *g, size_t *i)
{
	while (*i < g->annotations.n && !ox_ref_lives(&g->annotations.p[*i].tensor))
		++*i;
	return *i < g->annotations.n ? &g->annotations.p[(*i)++] : NULL;
}

static bool next_pair(const ox_annotation *a, size_t *i)
{
	while (*i < a->n && !ox_ref_lives(&a->values[*i]))
		++*i;
	return *i < a->n;
}

static bool annotation_equal(equal *q, const where *up, const ox_annotation *a,
                             const ox_annotation *b, size_t n)
{
	const where w = {up, "quantization_annotation", ox_name_str(ox_ref_name(&a->tensor)),
	                 (int64_t)n};

	if (!names_equal(q, &w, "tensor_name", ox_ref_name(&a->tensor), ox_ref_name(&b->tensor))
	    || !bytes_equal(q, &w, "unknown fields", a->unknown, b->unknown))
		return false;
	for (size_t i = 0, j = 0;; i++, j++) {
		const bool x = next_pair(a, &i), y = next_pair(b, &j);
		if (!x && !y)
			return true;
		if (x != y)
			return differ(q, &w, "one has more entries");
		if (!strs_equal(q, &w, "a key", a->keys[i], b->keys[j])
		    || !names_equal(q, &w, "a name", ox_ref_name(&a->values[i]),
		                    ox_ref_name(&b->values[j])))
			return false;
	}
}

static bool annotations_equal(equal *q, const where *up, const ox_graph *a, const ox_graph *b)
{
	for (size_t i = 0, j = 0, count = 0;; count++) {
		const ox_annotation *x = next_annotation(a, &i), *y = next_annotation(b, &j);
		if (!x && !y)
			return true;
		if (!x || !y)
			return differ(q, up, "one has more than %zu quantization annotations",
			              count);
		if (!annotation_equal(q, up, x, y, count))
			return false;
	}
}

static bool bodies_equal(equal *q, const where *w, const ox_graph *a, const ox_graph *b)
{
	size_t i = 0;

	if (!interfaces_equal(q, w, a, b) || !metas_equal(q, w, a->meta, b->meta)
	    || !inits_equal(q, w, a->inits.p, a->inits.n, b->inits.p, b->inits.n)
	    || !inits_equal(q, w, a->sparse.p, a->sparse.n, b->sparse.p, b->sparse.n)
	    || !infos_equal(q, w, a, b) || !annotations_equal(q, w, a, b)
	    || !counts_equal(q, w, "nodes", a->nnodes, b->nnodes))
		return false;
	for (const ox_node *x = a->first, *y = b->first; x && y; x = x->next, y = y->next, i++)
		if (!nodes_equal(q, w, x, y, i))
			return false;
	return true;
}

static bool graphs_equal(equal *q, const where *up, const ox_graph *a, const ox_graph *b)
{
	if (!a || !b)
		return a == b || differ(q, up, "the graph is present in one only");
	const where w = {up, "graph", ox_name_str(a->name), -1};
	return names_equal(q, &w, "name", a->name, b->name) && bodies_equal(q, &w, a, b);
}

/* ---- functions and models ------------------------------------------------- */

static bool opsets_equal(equal *q, const where *up, const ox_opset *a, size_t na,
                         const ox_opset *b, size_t nb)
{
	if (!counts_equal(q, up, "opset imports", na, nb))
		return false;
	for (size_t i = 0; i < na; i++) {
		const where w = {up, "opset import", ox_name_str(a[i].domain), (int64_t)i};
		if (!names_equal(q, &w, "domain", a[i].domain, b[i].domain)
		    || !optional_equal(q, &w, "version", a[i].has_version, a[i].version,
		                       b[i].has_version, b[i].version)
		    || !bytes_equal(q, &w, "unknown fields", a[i].unknown, b[i].unknown))
			return false;
	}
	return true;
}

static bool functions_equal(equal *q, const ox_function *a, const ox_function *b)
{
	const where w = {NULL, "function", ox_name_str(a->name), -1};

	if (!names_equal(q, &w, "name", a->name, b->name)
	    || !names_equal(q, &w, "domain", a->domain, b->domain)
	    || !names_equal(q, &w, "overload", a->overload, b->overload)
	    || !metas_equal(q, &w, a->meta, b->meta)
	    || !opsets_equal(q, &w, a->opsets.p, a->opsets.n, b->opsets.p, b->opsets.n)
	    || !counts_equal(q, &w, "attributes", a->attributes.n, b->attributes.n)
	    || !counts_equal(q, &w, "attributes with a default", a->defaults.n, b->defaults.n))
		return false;
	for (size_t i = 0; i < a->attributes.n; i++)
		if (!names_equal(q, &w, "an attribute", a->attributes.p[i], b->attributes.p[i]))
			return false;
	for (size_t i = 0; i < a->defaults.n; i++)
		if (!attrs_equal(q, &w, &a->defaults.p[i], &b->defaults.p[i], i))
			return false;
	return bodies_equal(q, &w, a->body, b->body);
}

static const ox_function *next_function(const ox_model *m, size_t *i)
{
	while (*i < m->functions.n && m->functions.p[*i]->dead)
		++*i;
	return *i < m->functions.n ? m->functions.p[(*i)++] : NULL;
}

static bool all_functions_equal(equal *q)
{
	for (size_t i = 0, j = 0, count = 0;; count++) {
		const ox_function *x = next_function(q->a, &i), *y = next_function(q->b, &j);
		if (!x && !y)
			return true;
		if (!x || !y)
			return differ(q, NULL, "one has more than %zu functions", count);
		if (!functions_equal(q, x, y))
			return false;
	}
}

static bool extras_equal(equal *q)
{
	const ox_model *a = q->a, *b = q->b;

	if (!counts_equal(q, NULL, "training_info entries", a->training.n, b->training.n)
	    || !counts_equal(q, NULL, "configurations", a->configuration.n, b->configuration.n))
		return false;
	for (size_t i = 0; i < a->training.n; i++) {
		const ox_training *x = &a->training.p[i], *y = &b->training.p[i];
		if (!bytes_equal(q, NULL, "training_info", x->wire, y->wire)
		    || !counts_equal(q, NULL, "bindings of training_info", x->bindings.n,
		                     y->bindings.n))
			return false;
		for (size_t k = 0; k < x->bindings.n; k++)
			if (!names_equal(q, NULL, "a binding of training_info",
			                 ox_ref_name(&x->bindings.p[k]),
			                 ox_ref_name(&y->bindings.p[k])))
				return false;
	}
	for (size_t i = 0; i < a->configuration.n; i++)
		if (!bytes_equal(q, NULL, "a configuration", a->configuration.p[i],
		                 b->configuration.p[i]))
			return false;
	return true;
}

bool ox_model_equal(const ox_model *a, const ox_model *b, ox_arena *arena, const char **why)
{
	equal q = {a, b, arena, why};

	if (why)
		*why = NULL;
	return optional_equal(&q, NULL, "ir_version", a->has_ir_version, a->ir_version,
	                      b->has_ir_version, b->ir_version)
	       && optional_equal(&q, NULL, "model_version", a->has_model_version,
	                         a->model_version, b->has_model_version, b->model_version)
	       && strs_equal(&q, NULL, "producer_name", a->producer_name, b->producer_name)
	       && strs_equal(&q, NULL, "producer_version", a->producer_version,
	                     b->producer_version)
	       && strs_equal(&q, NULL, "domain", a->domain, b->domain)
	       && metas_equal(&q, NULL, a->meta, b->meta)
	       && opsets_equal(&q, NULL, a->opsets.p, a->opsets.n, b->opsets.p, b->opsets.n)
	       && graphs_equal(&q, NULL, a->graph, b->graph) && all_functions_equal(&q)
	       && extras_equal(&q);
}
