/* encode.c - the walk that writes a model: fields in number order, unknown ones last.
 *
 * The frame - model, graphs, functions, nodes, declarations, attributes that hold graphs -
 * is written here field by field, with lengths of 64 bits: protobuf-c cuts a length prefix
 * at 4 GiB, and would compute the size of a nested message once per level around it. What
 * stands in the frame - attributes, tensors, types, entries - are messages (message.c),
 * packed by protobuf-c into our buffer, which knows payloads when it sees them and copies
 * them from file to file.
 */
#include "proto/encode.h"

enum {
	COPY_FROM = 4096,             /* shorter slices are cheaper to write than to copy */
	COPY_STEP = 16 << 20,         /* between two looks at the progress callback */
	TICK_STEP = 4 << 20,
};

static void append(ProtobufCBuffer *b, size_t n, const uint8_t *p);

void ox_encoder_init(ox_encoder *e, ox_model *m, ox_diag *d, const ox_progress *p)
{
	memset(e, 0, offsetof(ox_encoder, stage));
	e->base.append = append;
	e->m = m;
	e->diag = d;
	e->progress = p;
	ox_arena_init(&e->keep, m->arena.heap);
	ox_arena_init(&e->scratch, m->arena.heap);
}

void ox_encoder_free(ox_encoder *e)
{
	ox_arena_free(&e->keep);
	ox_arena_free(&e->scratch);
}

/* ---- bytes out --------------------------------------------------------------------- */

bool ox_encode_tick(ox_encoder *e, uint64_t done, uint64_t total)
{
	if (done - e->ticked < TICK_STEP && done >= e->ticked)
		return true;
	e->ticked = done;
	if (ox_tick(e->progress, "save", done, total))
		return true;
	ox_report(e->diag, OX_E_CANCELLED, OX_NOWHERE, "stopped on request while saving");
	return false;
}

static void pass_on(ox_encoder *e, const void *p, size_t n)
{
	if (!e->failed && n
	    && !(e->sink->write(e->sink, p, n) && ox_encode_tick(e, e->at, e->total)))
		e->failed = true;
}

static void flush(ox_encoder *e)
{
	pass_on(e, e->stage, e->nstage);
	e->nstage = 0;
}

static void put(ox_encoder *e, const void *p, size_t n)
{
	e->at += n;
	if (!e->sink || !n)
		return;
	if (n > OX_STAGE - e->nstage)
		flush(e);
	if (n > OX_STAGE) {
		pass_on(e, p, n);
		return;
	}
	memcpy(e->stage + e->nstage, p, n);
	e->nstage += n;
}

static void put_copy(ox_encoder *e, const ox_map *from, uint64_t offset, uint64_t n)
{
	flush(e);
	while (n && !e->failed) {
		const uint64_t k = n < COPY_STEP ? n : COPY_STEP;
		e->failed = !e->sink->copy(e->sink, from, offset, k);
		e->at += k;
		offset += k;
		n -= k;
		if (!e->failed && !ox_encode_tick(e, e->at, e->total))
			e->failed = true;
	}
}

/* Bytes that may lie in the mapped input: long ones never come into memory. */
static void put_slice(ox_encoder *e, const void *p, size_t n)
{
	const ox_file *f = ox_file_of(e->m);
	uint64_t offset;

	if (e->sink && n >= COPY_FROM && e->sink->copy && f && f->map.fd >= 0
	    && ox_file_offset(e->m, p, n, &offset))
		put_copy(e, &f->map, offset, n);
	else
		put(e, p, n);
}

static bool take(void *user, const void *p, size_t n)
{
	ox_encoder *e = user;

	put(e, p, n);
	return !e->failed;
}

static void put_stream(ox_encoder *e, const ox_stream *s, size_t n)
{
	const uint64_t start = e->at;
	const ox_map *map;
	uint64_t offset;
	bool unreadable = false;

	if (e->failed)
		return;
	if (!e->chunk)
		e->chunk = ox_alloc_raw(&e->keep, OX_CHUNK);
	if (s->varints)
		ox_payload_varints(s->tensor, e->chunk, take, e);
	else if (e->sink->copy && ox_payload_slice(e->m, s->tensor, &map, &offset))
		put_copy(e, map, offset, n);
	else
		ox_payload_stream(e->m, s->tensor, e->chunk, take, e, &unreadable);
	if (unreadable) {
		ox_report(e->diag, OX_E_SAVE_PAYLOAD, OX_NOWHERE, "the data of tensor '%s' cannot be read",
		          ox_show(&e->scratch, s->tensor->name));
		e->failed = true;
	}
	assert(e->failed || e->at - start == n);
}

/* Where protobuf-c puts what it packs. */
static void append(ProtobufCBuffer *b, size_t n, const uint8_t *p)
{
	ox_encoder *e = (ox_encoder *)b;

	if (p == ox_stream_mark)
		put_stream(e, &e->streams.p[e->next_stream++], n);
	else
		put_slice(e, p, n);
}

/* ---- fields ------------------------------------------------------------------------- */

enum { VARINT = OX_WIRE_VARINT, LEN = OX_WIRE_LEN };

/* Place for n bytes, at most OX_STAGE, at the end of the stage. */
static uint8_t *stage(ox_encoder *e, size_t n)
{
	if (n > OX_STAGE - e->nstage)
		flush(e);
	return e->stage + e->nstage;
}

static void staged(ox_encoder *e, size_t n)
{
	e->nstage += n;
	e->at += n;
}

enum { HEAD = 20, SHORT = 256 };  /* most bytes of two varints; most names are shorter */

static void put_pair(ox_encoder *e, uint64_t tag, uint64_t v)
{
	if (!e->sink) {
		e->at += ox_varint_size(tag) + ox_varint_size(v);
		return;
	}
	uint8_t *p = stage(e, HEAD);
	const unsigned n = ox_varint_put(p, tag);
	staged(e, n + ox_varint_put(p + n, v));
}

static void put_head(ox_encoder *e, unsigned field, uint64_t n)
{
	put_pair(e, field << 3 | LEN, n);
}

static void put_int(ox_encoder *e, unsigned field, int64_t v)
{
	put_pair(e, field << 3 | VARINT, (uint64_t)v);
}

static void put_str(ox_encoder *e, unsigned field, ox_str s)
{
	if (!s.p)
		return;
	put_head(e, field, s.n);
	if (!e->sink) {
		e->at += s.n;
	} else if (s.n <= SHORT) {
		memcpy(stage(e, SHORT), s.p, s.n);
		staged(e, s.n);
	} else {
		put_slice(e, s.p, s.n);
	}
}

static void put_name(ox_encoder *e, unsigned field, const ox_name *n)
{
	put_str(e, field, ox_name_str(n));
}

/* What is capped here makes the total so large that nothing is emitted. */
static uint32_t cap(uint64_t n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* What is small is packed in place, which asks for no nested size twice; anything that may
 * hold a payload goes piece by piece. */
static void pack(ox_encoder *e, const ProtobufCMessage *msg, size_t n)
{
	if (n >= COPY_FROM || e->streams.n) {
		protobuf_c_message_pack_to_buffer(msg, &e->base);
		return;
	}
	protobuf_c_message_pack(msg, stage(e, n));
	staged(e, n);
}

/* One item. The message is gone afterwards. */
static void put_item(ox_encoder *e, unsigned field, const ProtobufCMessage *msg)
{
	if (!e->sink) {
		const size_t n = protobuf_c_message_get_packed_size(msg);
		*ox_push(&e->keep, &e->sizes) = cap(n);
		put_head(e, field, n);
		e->at += n;
	} else {
		const uint32_t n = e->sizes.p[e->next_size++];
		put_head(e, field, n);
		pack(e, msg, n);
	}
	ox_arena_reset(&e->scratch);
	e->streams.n = e->next_stream = 0;
}

typedef struct box { size_t slot; uint64_t start; } box;

/* A message that is written field by field. */
static box open_box(ox_encoder *e, unsigned field)
{
	box b = {e->sizes.n, 0};

	if (!e->sink)
		*ox_push(&e->keep, &e->sizes) = 0;
	else
		put_head(e, field, e->sizes.p[b.slot = e->next_size++]);
	b.start = e->at;
	return b;
}

static void close_box(ox_encoder *e, unsigned field, box b)
{
	const uint64_t n = e->at - b.start;

	if (e->sink) {
		assert(e->failed || n == e->sizes.p[b.slot]);
		return;
	}
	e->sizes.p[b.slot] = cap(n);
	put_head(e, field, n);
}

static void put_props(ox_encoder *e, unsigned field, const ox_meta *meta)
{
	for (size_t i = 0; meta && i < meta->nprops; i++)
		put_item(e, field, ox_message_prop(e, meta->props[i]));
}

static void put_unknown(ox_encoder *e, const ox_meta *meta)
{
	if (meta && meta->unknown.n)
		put_slice(e, meta->unknown.p, meta->unknown.n);
}

static ox_str doc_of(const ox_meta *meta)
{
	return meta ? meta->doc : OX_ABSENT;
}

/* ---- nodes ------------------------------------------------------------------------------ */

static void put_graph(ox_encoder *e, unsigned field, const ox_graph *g);

static bool attr_has_graph(const ox_attr *a)
{
	return (a->type == OX_A_GRAPH && a->has_payload) || (a->type == OX_A_GRAPHS && a->n);
}

static void put_graph_attr(ox_encoder *e, unsigned field, const ox_attr *a)
{
	const box b = open_box(e, field);

	put_name(e, 1, a->name);
	if (a->type == OX_A_GRAPH)
		put_graph(e, 6, a->g);
	else
		for (size_t i = 0; i < a->n; i++)
			put_graph(e, 11, a->graphs[i]);
	put_str(e, 13, doc_of(a->meta));
	if (a->has_type)
		put_int(e, 20, (int64_t)a->type);
	put_name(e, 21, a->ref);
	put_unknown(e, a->meta);
	close_box(e, field, b);
}

static void put_float(ox_encoder *e, unsigned field, float v)
{
	uint8_t bytes[5] = {(uint8_t)(field << 3 | OX_WIRE_32)};

	memcpy(bytes + 1, &v, sizeof v);
	put(e, bytes, sizeof bytes);
}

/* Present, be it empty. */
static void put_text(ox_encoder *e, unsigned field, ox_str s)
{
	put_str(e, field, s.p ? s : OX_S(""));
}

/* A tensor of bytes with a name and nothing else, as nearly all are. */
static void put_plain_tensor(ox_encoder *e, unsigned field, const ox_tensor *t, ox_str name)
{
	const box b = open_box(e, field);

	for (uint32_t i = 0; i < t->rank; i++)
		put_int(e, 1, t->dims[i]);
	if (t->has_dtype)
		put_int(e, 2, (int32_t)t->dtype);
	put_str(e, 8, name);
	if (t->bytes) {
		put_head(e, 9, t->nbytes);
		put_slice(e, t->bytes, t->nbytes);
	}
	if (t->has_location)
		put_int(e, 14, 0);
	close_box(e, field, b);
}

static void put_tensor(ox_encoder *e, unsigned field, const ox_tensor *t, ox_str name)
{
	if (ox_message_is_plain(e, t))
		put_plain_tensor(e, field, t, name);
	else
		put_item(e, field, ox_message_tensor(e, t, name));
}

/* Those that need no message. */
static bool attr_is_plain(ox_encoder *e, const ox_attr *a)
{
	switch (a->type) {
	case OX_A_FLOAT: case OX_A_INT: case OX_A_STRING:
	case OX_A_FLOATS: case OX_A_INTS: case OX_A_STRINGS:
		return true;
	case OX_A_TENSOR:
		return a->has_payload && ox_message_is_plain(e, a->t);
	default:
		return false;
	}
}

static void put_plain_value(ox_encoder *e, const ox_attr *a)
{
	if (a->has_payload) {
		if (a->type == OX_A_FLOAT)
			put_float(e, 2, a->f);
		else if (a->type == OX_A_INT)
			put_int(e, 3, a->i);
		else if (a->type == OX_A_STRING)
			put_text(e, 4, a->s);
		else
			put_plain_tensor(e, 5, a->t, a->t->name);
		return;
	}
	for (size_t i = 0; a->type == OX_A_FLOATS && i < a->n; i++)
		put_float(e, 7, a->floats[i]);
	for (size_t i = 0; a->type == OX_A_INTS && i < a->n; i++)
		put_int(e, 8, a->ints[i]);
	for (size_t i = 0; a->type == OX_A_STRINGS && i < a->n; i++)
		put_text(e, 9, a->strings[i]);
}

static void put_plain_attr(ox_encoder *e, unsigned field, const ox_attr *a)
{
	const box b = open_box(e, field);

	put_name(e, 1, a->name);
	put_plain_value(e, a);
	put_str(e, 13, doc_of(a->meta));
	if (a->has_type)
		put_int(e, 20, (int64_t)a->type);
	put_name(e, 21, a->ref);
	put_unknown(e, a->meta);
	close_box(e, field, b);
}

static void put_attr(ox_encoder *e, unsigned field, const ox_attr *a)
{
	if (attr_has_graph(a))
		put_graph_attr(e, field, a);
	else if (attr_is_plain(e, a))
		put_plain_attr(e, field, a);
	else
		put_item(e, field, ox_message_attr(e, a));
}

/* The absent one is an empty string. */
static void put_slot(ox_encoder *e, unsigned field, const ox_name *n)
{
	put_str(e, field, n ? ox_name_str(n) : OX_S(""));
}

static void put_node(ox_encoder *e, unsigned field, const ox_node *n)
{
	const box b = open_box(e, field);

	for (uint32_t i = 0; i < n->nin; i++)
		put_slot(e, 1, n->in[i].val ? n->in[i].val->name : n->in[i].unlinked);
	for (uint32_t i = 0; i < n->nout; i++)
		put_slot(e, 2, n->out[i] ? n->out[i]->name : NULL);
	put_str(e, 3, n->name);
	put_name(e, 4, n->op_type);
	for (uint32_t i = 0; i < n->nattr; i++)
		put_attr(e, 5, &n->attr[i]);
	put_str(e, 6, doc_of(n->meta));
	put_name(e, 7, n->domain);
	put_name(e, 8, n->overload);
	put_props(e, 9, n->meta);
	for (size_t i = 0; i < n->ndevices; i++)
		put_item(e, 10, ox_message_devices(e, &n->devices[i]));
	put_unknown(e, n->meta);
	close_box(e, field, b);
}

static void put_nodes(ox_encoder *e, unsigned field, const ox_graph *g)
{
	for (const ox_node *n = g->first; n && !e->failed; n = n->next)
		put_node(e, field, n);
}

/* ---- graphs -------------------------------------------------------------------------------- */

/* An initializer that an edit removed, or took to another scope, leaves its slot behind. */
static bool init_lives(const ox_value *v, const ox_graph *g)
{
	return v && v->home != OX_HOME_DEAD && v->graph == g;
}

static void put_inits(ox_encoder *e, const ox_graph *g)
{
	for (size_t i = 0; i < g->inits.n && !e->failed; i++) {
		const ox_value *v = g->inits.p[i];
		if (init_lives(v, g) && v->tensor)
			put_tensor(e, 5, v->tensor, ox_name_str(v->name));
	}
}

static void put_sparse_inits(ox_encoder *e, const ox_graph *g)
{
	for (size_t i = 0; i < g->sparse.n && !e->failed; i++) {
		const ox_value *v = g->sparse.p[i];
		if (init_lives(v, g) && v->sparse)
			put_item(e, 15, ox_message_sparse(e, v->sparse, ox_name_str(v->name)));
	}
}

static void put_decl(ox_encoder *e, unsigned field, const ox_name *name, const ox_type *type,
                     const ox_meta *meta)
{
	const box b = open_box(e, field);

	put_name(e, 1, name);
	if (type)
		put_str(e, 2, ox_message_type(e, type));
	put_str(e, 3, doc_of(meta));
	put_props(e, 4, meta);
	put_unknown(e, meta);
	close_box(e, field, b);
}

/* Entry, value and name lie in three places: on a large model this loop would be waiting
 * for memory most of its time, so it asks early. (In a function of its own gcc takes the
 * prefetches for nothing and drops them.) */
static void put_value_info(ox_encoder *e, unsigned field, const ox_graph *g)
{
	enum { VALUES = 24, NAMES = 12 };
	const ox_decl *list = g->value_info.p;
	const size_t n = g->value_info.n;

	for (size_t i = 0; i < n && !e->failed; i++) {
		const ox_value *far = i + VALUES < n ? list[i + VALUES].val : NULL;
		const ox_value *near = i + NAMES < n ? list[i + NAMES].val : NULL;
		if (far) {
			__builtin_prefetch(&far->name);
			__builtin_prefetch(&far->home);
		}
		if (near)
			__builtin_prefetch(near->name);
		if (ox_decl_lives(&list[i]))
			put_decl(e, field, ox_decl_name(&list[i]), list[i].type, list[i].meta);
	}
}

/* Graphs nest at most OX_WIRE_DEPTH deep: the front ends see to it. */
static void put_graph(ox_encoder *e, unsigned field, const ox_graph *g)
{
	const box b = open_box(e, field);

	put_nodes(e, 1, g);
	put_name(e, 2, g->name);
	put_inits(e, g);
	put_str(e, 10, doc_of(g->meta));
	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_decl *d = &g->inputs.p[i];
		put_decl(e, 11, ox_decl_name(d), d->type, d->meta);
	}
	for (size_t i = 0; i < g->outputs.n; i++) {
		const ox_output *o = g->outputs.p[i];
		put_decl(e, 12, o->name, o->type, o->meta);
	}
	put_value_info(e, 13, g);
	for (size_t i = 0; i < g->annotations.n; i++)
		if (ox_ref_lives(&g->annotations.p[i].tensor))
			put_item(e, 14, ox_message_annotation(e, &g->annotations.p[i]));
	put_sparse_inits(e, g);
	put_props(e, 16, g->meta);
	put_unknown(e, g->meta);
	close_box(e, field, b);
}

/* ---- functions and the model ------------------------------------------------------------- */

static void put_opsets(ox_encoder *e, unsigned field, const ox_opset *o, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_item(e, field, ox_message_opset(e, &o[i]));
}

static void put_function(ox_encoder *e, unsigned field, const ox_function *f)
{
	const ox_graph *g = f->body;
	const box b = open_box(e, field);

	put_name(e, 1, f->name);
	for (size_t i = 0; i < g->inputs.n; i++)
		put_slot(e, 4, ox_decl_name(&g->inputs.p[i]));
	for (size_t i = 0; i < g->outputs.n; i++)
		put_slot(e, 5, g->outputs.p[i]->name);
	for (size_t i = 0; i < f->attributes.n; i++)
		put_slot(e, 6, f->attributes.p[i]);
	put_nodes(e, 7, g);
	put_str(e, 8, doc_of(f->meta));
	put_opsets(e, 9, f->opsets.p, f->opsets.n);
	put_name(e, 10, f->domain);
	for (size_t i = 0; i < f->defaults.n; i++)
		put_attr(e, 11, &f->defaults.p[i]);
	put_value_info(e, 12, g);
	put_name(e, 13, f->overload);
	put_props(e, 14, f->meta);
	put_unknown(e, f->meta);
	close_box(e, field, b);
}

static void put_model(ox_encoder *e, const ox_model *m)
{
	if (m->has_ir_version)
		put_int(e, 1, m->ir_version);
	put_str(e, 2, m->producer_name);
	put_str(e, 3, m->producer_version);
	put_str(e, 4, m->domain);
	if (m->has_model_version)
		put_int(e, 5, m->model_version);
	put_str(e, 6, doc_of(m->meta));
	put_graph(e, 7, m->graph);
	put_opsets(e, 8, m->opsets.p, m->opsets.n);
	put_props(e, 14, m->meta);
	for (size_t i = 0; i < m->training.n; i++)
		put_str(e, 20, m->training.p[i].wire);
	for (size_t i = 0; i < m->functions.n; i++)
		if (!m->functions.p[i]->dead)
			put_function(e, 25, m->functions.p[i]);
	for (size_t i = 0; i < m->configuration.n; i++)
		put_str(e, 26, m->configuration.p[i]);
	put_unknown(e, m->meta);
}

/* ---- two walks ------------------------------------------------------------------------------ */

void ox_encode_measure(ox_encoder *e)
{
	e->sink = NULL;
	e->sizes.n = e->items.n = e->placed.n = 0;
	e->next_size = e->next_placed = 0;
	e->seen = NULL;
	e->at = e->side_end = e->kept = e->missing = 0;
	e->unreadable = NULL;
	put_model(e, e->m);
	e->total = e->at;
}

bool ox_encode_emit(ox_encoder *e, ox_sink *s)
{
	e->sink = s;
	e->next_size = e->next_placed = e->nstage = 0;
	e->at = e->ticked = 0;
	e->failed = false;
	put_model(e, e->m);
	flush(e);
	if (!e->failed && (e->at != e->total || e->next_size != e->sizes.n)) {
		ox_report(e->diag, OX_E_INTERNAL, OX_NOWHERE, "%llu bytes were measured, %llu encoded",
		          (unsigned long long)e->total, (unsigned long long)e->at);
		e->failed = true;
	}
	return !e->failed;
}
