/* test_load.c - from bytes to a model: every field arrives, every fault is named, nothing
 * that is cut, flipped or oversized does harm. Models are written by hand (wirekit.h). */
#include <criterion/criterion.h>

#include "proto/internal.h"
#include "wirekit.h"

#include <time.h>

static bool str_is(ox_str s, const char *want)
{
	return want ? s.p && s.n == strlen(want) && memcmp(s.p, want, s.n) == 0 : !s.p;
}

static bool name_is(const ox_name *n, const char *want)
{
	return want ? n && str_is(ox_name_str(n), want) : !n;
}

/* ---- every field arrives --------------------------------------------------------- */

#define UNKNOWN 30        /* a field number that no message has */

static wk tensor(const char *name, int dtype, int64_t dim)
{
	wk t = {0};

	wk_int(&t, 1, dim);
	wk_int(&t, 2, dtype);
	if (name)
		wk_str(&t, 8, name);
	return t;
}

static wk floats(const char *name, size_t n)
{
	wk t = tensor(name, OX_F32, (int64_t)n);
	float *values = calloc(n + 1, sizeof *values);

	for (size_t i = 0; i < n; i++)
		values[i] = (float)i;
	wk_bytes(&t, 9, values, n * sizeof *values);
	free(values);
	return t;
}

static wk census_attr(unsigned type)
{
	static const float fs[] = {1.5f, -0.0f};
	wk a = {0}, sub = {0};

	switch (type) {
	case OX_A_FLOAT: wk_str(&a, 1, "float"); wk_float(&a, 2, 0.0f); break;
	case OX_A_INT: wk_str(&a, 1, "int"); wk_int(&a, 3, -7); break;
	case OX_A_STRING: wk_str(&a, 1, "string"); wk_bytes(&a, 4, "a\0b", 3); break;
	case OX_A_TENSOR: wk_str(&a, 1, "tensor"); wk_sub(&a, 5, floats(NULL, 3)); break;
	case OX_A_GRAPH:
		wk_str(&a, 1, "graph");
		wk_sub(&sub, 1, wk_node("Relu", "x", "inner"));
		wk_str(&sub, 2, "body");
		wk_sub(&sub, 12, wk_value("inner", 1, 0, NULL));
		wk_sub(&a, 6, sub);
		break;
	case OX_A_FLOATS:
		wk_str(&a, 1, "floats");
		wk_float(&a, 7, fs[0]);
		wk_bytes(&a, 7, &fs[1], 4);      /* packed is read as well */
		break;
	case OX_A_INTS: wk_str(&a, 1, "ints"); wk_int(&a, 8, 1); wk_int(&a, 8, -1); break;
	case OX_A_STRINGS: wk_str(&a, 1, "strings"); wk_str(&a, 9, "one"); wk_str(&a, 9, ""); break;
	case OX_A_TENSORS: wk_str(&a, 1, "tensors"); wk_sub(&a, 10, floats("t0", 1)); wk_sub(&a, 10, floats("t1", 2)); break;
	case OX_A_GRAPHS:
		wk_str(&a, 1, "graphs");
		wk_str(&sub, 2, "second");
		wk_sub(&sub, 1, wk_node("Neg", "x", "inner2"));
		wk_sub(&sub, 12, wk_value("inner2", 1, 0, NULL));
		wk_sub(&a, 11, sub);
		break;
	case OX_A_SPARSE:
		wk_str(&a, 1, "sparse");
		wk_sub(&sub, 1, floats("sv", 1));
		wk t = tensor("si", OX_I64, 1);
		wk_bytes(&t, 7, "\2", 1);
		wk_sub(&sub, 2, t);
		wk_int(&sub, 3, 5);
		wk_str(&sub, UNKNOWN, "?");
		wk_sub(&a, 22, sub);
		break;
	case OX_A_SPARSES: wk_str(&a, 1, "sparses"); break;
	case OX_A_TYPE: wk_str(&a, 1, "type"); wk_str(&sub, 6, "DEN"); wk_sub(&a, 14, sub); break;
	case OX_A_TYPES: wk_str(&a, 1, "types"); wk_sub(&a, 15, sub); break;
	default: break;
	}
	wk_str(&a, 13, "attr doc");
	wk_int(&a, 20, (int64_t)type);
	wk_str(&a, UNKNOWN, "?");
	return a;
}

static wk census_node(void)
{
	wk n = {0}, dev = {0}, shard = {0};

	wk_str(&n, 1, "x");
	wk_str(&n, 1, "");
	wk_str(&n, 2, "c");
	wk_str(&n, 2, "");
	wk_str(&n, 3, "node");
	wk_str(&n, 4, "Op");
	for (unsigned type = OX_A_FLOAT; type < OX_A_NTYPES; type++)
		wk_sub(&n, 5, census_attr(type));
	wk_str(&n, 6, "node doc");
	wk_str(&n, 7, "custom");
	wk_str(&n, 8, "over");
	wk_sub(&n, 9, wk_entry("key", "value"));
	wk_str(&shard, 1, "x");
	wk_int(&shard, 2, 3);
	wk_str(&dev, 1, "conf");
	wk_sub(&dev, 2, shard);
	wk_int(&dev, 3, -2);
	wk_str(&dev, UNKNOWN, "?");
	wk_sub(&n, 10, dev);
	wk_str(&n, UNKNOWN, "?");
	return n;
}

static wk census_type(void)
{
	/* optional(sequence(map(int64, tensor(float)[N, 2, ?]))) */
	wk dims[3] = {{0}, {0}, {0}}, shape = {0}, t = {0}, type = {0};

	wk_str(&dims[0], 2, "N");
	wk_str(&dims[0], 3, "DATA_BATCH");
	wk_int(&dims[1], 1, 2);
	for (unsigned i = 0; i < 3; i++)
		wk_sub(&shape, 1, dims[i]);
	wk_int(&t, 1, 1);
	wk_sub(&t, 2, shape);
	wk_sub(&type, 1, t);
	wk map = {0}, mt = {0}, seq = {0}, st = {0}, opt = {0}, ot = {0};
	wk_int(&map, 1, OX_I64);
	wk_sub(&map, 2, type);
	wk_sub(&mt, 5, map);
	wk_sub(&seq, 1, mt);
	wk_sub(&st, 4, seq);
	wk_sub(&opt, 1, st);
	wk_str(&ot, 6, "TENSOR");
	wk_sub(&ot, 9, opt);
	wk_str(&ot, UNKNOWN, "?");
	return ot;
}

static wk census(void)
{
	wk m = {0}, g = {0}, v = {0}, a = {0}, f = {0}, tr = {0}, conf = {0}, sparse = {0}, t, o;

	wk_sub(&g, 1, census_node());
	wk_str(&g, 2, "g");
	t = floats("w", 4);
	wk_str(&t, 12, "tensor doc");
	wk_sub(&t, 16, wk_entry("tk", "tv"));
	wk_str(&t, UNKNOWN, "?");
	wk_sub(&g, 5, t);
	wk_str(&g, 10, "graph doc");
	wk_sub(&g, 11, wk_value("x", 1, 1, (int64_t[]){2}));
	wk_sub(&g, 12, wk_value("c", 1, 0, NULL));
	wk_str(&v, 1, "w");
	wk_sub(&v, 2, census_type());
	wk_str(&v, 3, "value doc");
	wk_sub(&v, 4, wk_entry("vk", "vv"));
	wk_str(&v, UNKNOWN, "?");
	wk_sub(&g, 13, v);
	wk_str(&a, 1, "w");
	wk_sub(&a, 2, wk_entry("SCALE_TENSOR", "x"));
	wk_str(&a, UNKNOWN, "?");
	wk_sub(&g, 14, a);
	wk_sub(&sparse, 1, floats("s", 1));
	t = tensor(NULL, OX_I64, 1);
	wk_bytes(&t, 7, "\2", 1);
	wk_sub(&sparse, 2, t);
	wk_int(&sparse, 3, 5);
	wk_sub(&g, 15, sparse);
	wk_sub(&g, 16, wk_entry("gk", "gv"));
	wk_str(&g, UNKNOWN, "?");

	wk_str(&f, 1, "F");
	wk_str(&f, 4, "fin");
	wk_str(&f, 5, "fout");
	wk_str(&f, 6, "alpha");
	wk n = wk_node("Relu", "fin", "fout");
	wk ref = {0};
	wk_str(&ref, 1, "alpha");
	wk_int(&ref, 20, OX_A_INT);
	wk_str(&ref, 21, "alpha");
	wk_sub(&n, 5, ref);
	wk_sub(&f, 7, n);
	wk_str(&f, 8, "function doc");
	wk_sub(&f, 9, wk_opset("", 17));
	wk_str(&f, 10, "custom");
	wk_sub(&f, 11, census_attr(OX_A_INT));
	wk_sub(&f, 12, wk_value("fin", 1, 0, NULL));
	wk_str(&f, 13, "over2");
	wk_sub(&f, 14, wk_entry("fk", "fv"));
	wk_str(&f, UNKNOWN, "?");

	wk_sub(&tr, 3, wk_entry("w", "z"));
	wk_sub(&tr, 4, wk_entry("x", "z"));
	wk_str(&conf, 1, "conf");
	wk_int(&conf, 2, 4);

	wk_int(&m, 1, 10);
	wk_str(&m, 2, "producer");
	wk_str(&m, 3, "1.0");
	wk_str(&m, 4, "");
	wk_int(&m, 5, 0);
	wk_str(&m, 6, "model doc");
	wk_sub(&m, 7, g);
	o = wk_opset("", 17);
	wk_str(&o, UNKNOWN, "?");
	wk_sub(&m, 8, o);
	wk_sub(&m, 8, wk_opset("custom", 1));
	wk_sub(&m, 14, wk_entry("mk", "mv"));
	wk_sub(&m, 20, tr);
	wk_sub(&m, 25, f);
	wk_sub(&m, 26, conf);
	wk_str(&m, UNKNOWN, "?");
	return m;
}

static const char question[] = "\xf2\x01\x01?";      /* field 30 = "?" */

static void check_attrs(const ox_node *n)
{
	cr_assert_eq(n->nattr, OX_A_NTYPES - 1);
	for (unsigned i = 0; i < n->nattr; i++) {
		const ox_attr *a = &n->attr[i];
		cr_expect_eq(a->type, i + 1);
		cr_expect(a->has_type && !a->ref);
		cr_assert_not_null(a->meta);
		cr_expect(str_is(a->meta->doc, "attr doc"));
		cr_expect(str_is(a->meta->unknown, question));
	}
	const ox_attr *a = n->attr - 1;        /* indexed by type from here on */
	cr_expect(a[OX_A_FLOAT].has_payload && a[OX_A_FLOAT].f == 0);
	cr_expect(a[OX_A_INT].i == -7);
	cr_expect(a[OX_A_STRING].s.n == 3 && memcmp(a[OX_A_STRING].s.p, "a\0b", 3) == 0);
	cr_expect(a[OX_A_TENSOR].t->rank == 1 && a[OX_A_TENSOR].t->nbytes == 12);
	cr_expect(!a[OX_A_TENSOR].t->name.p);
	cr_expect(name_is(a[OX_A_GRAPH].g->name, "body") && a[OX_A_GRAPH].g->nnodes == 1);
	cr_expect(a[OX_A_GRAPH].g->parent == n && a[OX_A_GRAPH].g->depth == 1);
	cr_expect(a[OX_A_FLOATS].n == 2 && a[OX_A_FLOATS].floats[0] == 1.5f && a[OX_A_FLOATS].floats[1] == 0);
	cr_expect(a[OX_A_INTS].n == 2 && a[OX_A_INTS].ints[1] == -1);
	cr_expect(a[OX_A_STRINGS].n == 2 && str_is(a[OX_A_STRINGS].strings[0], "one"));
	cr_expect(str_is(a[OX_A_STRINGS].strings[1], ""));
	cr_expect(a[OX_A_TENSORS].n == 2 && a[OX_A_TENSORS].tensors[1]->nbytes == 8);
	cr_expect(a[OX_A_GRAPHS].n == 1 && a[OX_A_GRAPHS].graphs[0]->first->op == OX_Neg);
	const ox_sparse *s = a[OX_A_SPARSE].sparse;
	cr_expect(s->values->nbytes == 4 && s->indices->dtype == OX_I64 && s->rank == 1 && s->dims[0] == 5);
	cr_expect(str_is(s->unknown, question));
	cr_expect(a[OX_A_SPARSES].n == 0 && !a[OX_A_SPARSES].has_payload);
	cr_expect(a[OX_A_TYPE].tp->kind == OX_T_NONE && str_is(a[OX_A_TYPE].tp->denotation, "DEN"));
	cr_expect(a[OX_A_TYPES].n == 1 && a[OX_A_TYPES].tps[0]->kind == OX_T_NONE);
}

static void check_type(const ox_type *t)
{
	cr_assert(t->kind == OX_T_OPTIONAL && t->of->kind == OX_T_SEQUENCE && t->of->of->kind == OX_T_MAP);
	cr_expect(str_is(t->denotation, "TENSOR") && str_is(t->unknown, question) && !t->wire.p);
	const ox_type *map = t->of->of, *inner = map->of;
	cr_expect(map->elem == OX_I64 && map->has_elem);
	cr_assert(inner->kind == OX_T_TENSOR && inner->has_shape && inner->rank == 3);
	cr_expect(inner->dims[0]->kind == OX_DIM_SYM && name_is(inner->dims[0]->sym, "N"));
	cr_expect(inner->dims[1]->kind == OX_DIM_NUM && inner->dims[1]->num == 2);
	cr_expect_null(inner->dims[2]);
	cr_expect(str_is(inner->denotations[0], "DATA_BATCH") && !inner->denotations[1].p);
}

static void check_function(const ox_function *f)
{
	cr_expect(name_is(f->name, "F") && name_is(f->domain, "custom") && name_is(f->overload, "over2"));
	cr_expect(f->body->inputs.n == 1 && f->body->outputs.n == 1 && f->body->nnodes == 1);
	cr_expect(f->attributes.n == 1 && name_is(f->attributes.p[0], "alpha"));
	cr_expect(f->defaults.n == 1 && f->defaults.p[0].i == -7);
	cr_expect(f->opsets.n == 1 && f->opsets.p[0].version == 17);
	cr_expect(f->body->value_info.n == 1);
	cr_expect(name_is(f->body->first->attr[0].ref, "alpha") && !f->body->first->attr[0].has_payload);
	cr_expect(str_is(f->meta->doc, "function doc") && str_is(f->meta->props[0].value, "fv"));
	cr_expect(str_is(f->meta->unknown, question));
	cr_expect_null(f->body->name);
}

Test(load, every_field_arrives)
{
	wk w = census();
	heard *h = heard_new();
	ox_heap heap = {0};
	ox_model *m = ox_load_memory(w.p, w.n, NULL, NULL, &heap, &h->diag);

	cr_assert_not_null(m, "OX%d: %s (%s)", h->first, h->text, h->path);
	cr_expect(m->has_ir_version && m->ir_version == 10 && m->has_model_version && m->model_version == 0);
	cr_expect(str_is(m->producer_name, "producer") && str_is(m->producer_version, "1.0"));
	cr_expect(str_is(m->domain, ""));
	cr_expect(str_is(m->meta->doc, "model doc") && str_is(m->meta->props[0].key, "mk"));
	cr_expect(str_is(m->meta->unknown, question));
	cr_expect(m->opsets.n == 2 && name_is(m->opsets.p[1].domain, "custom") && m->opsets.p[1].version == 1);
	cr_expect(str_is(m->opsets.p[0].unknown, question));
	cr_assert(m->training.n == 1 && m->configuration.n == 1 && m->functions.n == 1);
	cr_expect(m->training.p[0].bindings.n == 2 && name_is(m->training.p[0].bindings.p[0].name, "w"));
	cr_expect(m->training.p[0].bindings.p[0].val && m->training.p[0].bindings.p[0].val->pinned);
	cr_expect(m->configuration.p[0].n == 8);
	check_function(m->functions.p[0]);

	const ox_graph *g = m->graph;
	cr_expect(name_is(g->name, "g") && g->nnodes == 1);
	cr_expect(str_is(g->meta->doc, "graph doc") && str_is(g->meta->props[0].value, "gv"));
	cr_expect(str_is(g->meta->unknown, question));
	cr_assert(g->inits.n == 1 && g->sparse.n == 1 && g->inputs.n == 1 && g->outputs.n == 1);
	const ox_tensor *t = g->inits.p[0]->tensor;
	cr_expect(str_is(t->name, "w") && str_is(t->meta->doc, "tensor doc") && str_is(t->meta->unknown, question));
	cr_expect(str_is(t->meta->props[0].key, "tk") && t->has_dtype && !t->has_location);
	cr_expect(name_is(g->sparse.p[0]->name, "s") && g->sparse.p[0]->sparse->rank == 1);
	cr_assert_eq(g->value_info.n, 1);
	check_type(g->value_info.p[0].type);
	cr_expect(str_is(g->value_info.p[0].meta->doc, "value doc"));
	cr_expect(str_is(g->value_info.p[0].meta->unknown, question));
	cr_assert(g->annotations.n == 1 && g->annotations.p[0].n == 1);
	cr_expect(g->annotations.p[0].tensor.val == g->inits.p[0]);
	cr_expect(str_is(g->annotations.p[0].keys[0], "SCALE_TENSOR"));
	cr_expect(name_is(g->annotations.p[0].values[0].name, "x"));
	cr_expect(str_is(g->annotations.p[0].unknown, question));

	const ox_node *n = g->first;
	cr_assert(n->nin == 2 && n->nout == 2);
	cr_expect(n->in[0].val && !n->in[1].val && n->out[0] && !n->out[1]);
	cr_expect(name_is(n->op_type, "Op") && name_is(n->domain, "custom") && name_is(n->overload, "over"));
	cr_expect(str_is(n->name, "node") && str_is(n->meta->doc, "node doc") && n->meta->nprops == 1);
	cr_assert(n->ndevices == 1 && n->devices[0].nshards == 1);
	cr_expect(str_is(n->devices[0].id, "conf") && n->devices[0].has_stage && n->devices[0].stage == -2);
	cr_expect(str_is(n->devices[0].unknown, question));
	cr_expect(n->devices[0].shards[0].has_tensor && str_is(n->devices[0].shards[0].rest, "\x10\x03"));
	check_attrs(n);
	cr_expect_eq(m->edits, 0);
	cr_expect_eq(ox_model_file_size(m), w.n);
	cr_expect_null(ox_model_path(m));
	ox_model_free(m);
	cr_expect_eq(heap.used, 0);
	free(w.p);
	free(h);
}

Test(load, presence_is_told_from_emptiness)
{
	wk m = {0}, g = {0}, n = {0};
	heard *h = heard_new();

	wk_str(&n, 2, "y");
	wk_str(&n, 4, "Op");
	wk_str(&n, 7, "d");
	wk_str(&n, 3, "");
	wk_sub(&g, 1, n);
	wk_str(&g, 2, "g");
	wk_sub(&g, 12, wk_value("y", 1, 0, NULL));
	wk_int(&m, 1, 8);
	wk_sub(&m, 7, g);
	wk_sub(&m, 8, wk_opset("d", 1));
	ox_model *x = ox_load_memory(m.p, m.n, NULL, NULL, NULL, &h->diag);
	cr_assert_not_null(x, "%s", h->text);
	cr_expect(x->graph->first->name.p && str_is(x->graph->first->name, "") && !x->graph->first->overload);
	cr_expect(!x->producer_name.p && !x->has_model_version && !x->meta && !x->graph->meta);
	ox_model_free(x);
	free(m.p);
	free(h);
}

Test(load, unknown_fields_deep_in_a_type_keep_its_bytes)
{
	wk g = wk_graph(), t = {0}, type = {0}, v = {0};
	heard *h = heard_new();

	wk_int(&t, 1, 1);
	wk_str(&t, UNKNOWN, "?");
	wk_sub(&type, 1, t);
	const size_t n = type.n;
	wk_str(&v, 1, "y");
	wk_sub(&v, 2, type);
	wk_sub(&g, 13, v);
	wk m = wk_model(g);
	ox_model *x = ox_load_memory(m.p, m.n, NULL, NULL, NULL, &h->diag);
	cr_assert_not_null(x);
	cr_expect_eq(x->graph->value_info.p[0].type->wire.n, n);
	cr_expect_eq(h->diag.seen[OX_E_UNKNOWN_FIELD], 1);
	ox_model_free(x);
	free(m.p);
	free(h);
}

/* ---- payloads ------------------------------------------------------------------------ */

/* Loads a model with t as its only initializer, named w. Frees t. Returns the first error. */
static int load_one(wk t, ox_model **out, wk *bytes, heard **who)
{
	wk g = wk_graph();
	heard *h = heard_new();

	wk_str(&t, 8, "w");
	wk_sub(&g, 5, t);
	*bytes = wk_model(g);
	*out = ox_load_memory(bytes->p, bytes->n, NULL, NULL, NULL, &h->diag);
	const int code = h->first;
	cr_expect_eq(!*out, code != 0);
	if (who)
		*who = h;
	else
		free(h);
	return code;
}

static int code_of(wk t)
{
	ox_model *m;
	wk bytes;
	heard *h;
	const int code = load_one(t, &m, &bytes, &h);

	if (code) {
		cr_expect_geq(h->byte, 0, "OX%d has no byte", code);
		cr_expect(strstr(h->path, "initializer 0 'w'"), "OX%d is at '%s'", code, h->path);
	}
	ox_model_free(m);
	free(bytes.p);
	free(h);
	return code;
}

Test(load, payloads_are_not_copied)
{
	static const struct { unsigned field, dtype; size_t n, size; ox_storage storage; } rows[] = {
		{9, OX_F32, 1, 4, OX_RAW}, {9, OX_F32, 1000, 4, OX_RAW}, {9, OX_U4, 3, 1, OX_RAW},
		{4, OX_F32, 1, 4, OX_TYPED}, {4, OX_C64, 100, 8, OX_TYPED},
		{10, OX_F64, 2, 8, OX_TYPED}, {10, OX_C128, 1, 16, OX_TYPED},
	};

	for (size_t i = 0; i < OX_LEN(rows); i++) {
		const size_t bytes = rows[i].dtype == OX_U4 ? 2 : rows[i].n * rows[i].size;
		uint8_t *payload = malloc(bytes);
		for (size_t k = 0; k < bytes; k++)
			payload[k] = (uint8_t)(k * 7 + 1);
		wk t = tensor(NULL, (int)rows[i].dtype, (int64_t)rows[i].n), file;
		wk_bytes(&t, rows[i].field, payload, bytes);
		ox_model *m;
		cr_assert_eq(load_one(t, &m, &file, NULL), 0, "row %zu", i);
		const ox_tensor *x = m->graph->inits.p[0]->tensor;
		uint64_t offset = 0;
		cr_expect(x->source == OX_SRC_BYTES && x->storage == rows[i].storage && x->nbytes == bytes);
		cr_expect(ox_file_offset(m, x->bytes, bytes, &offset));
		cr_expect_eq(memcmp(file.p + offset, payload, bytes), 0);
		ox_model_free(m);
		free(file.p);
		free(payload);
	}
}

static void put_varints(wk *w, unsigned field, size_t n, int64_t base)
{
	wk list = {0};

	for (size_t i = 0; i < n; i++)
		wk_varint(&list, (uint64_t)(base + (int64_t)i % 100));
	wk_sub(w, field, list);
}

Test(load, packed_numbers)
{
	static const struct { unsigned field, dtype; int64_t base; } rows[] = {
		{7, OX_I64, -50}, {5, OX_I32, -50}, {5, OX_I8, -50}, {5, OX_U8, 100}, {5, OX_I16, -50},
		{5, OX_U16, 60000}, {5, OX_F16, 15000}, {5, OX_BF16, 15000}, {5, OX_F8E5M2, 1},
		{11, OX_U64, -100}, {11, OX_U32, 4000000000},
	};
	const size_t sizes[] = {5, 5000};        /* decoded, and kept as it is */

	for (size_t i = 0; i < OX_LEN(rows); i++) {
		for (size_t k = 0; k < 2; k++) {
			wk t = tensor(NULL, (int)rows[i].dtype, (int64_t)sizes[k]), file;
			put_varints(&t, rows[i].field, sizes[k], rows[i].base);
			ox_model *m;
			cr_assert_eq(load_one(t, &m, &file, NULL), 0, "row %zu", i);
			const ox_tensor *x = m->graph->inits.p[0]->tensor;
			cr_expect_eq(x->storage, k ? OX_TYPED_WIRE : OX_TYPED);
			const size_t size = ox_dtype_bits(x->dtype) / 8;
			uint64_t last = 0;
			cr_assert(ox_tensor_read(m, x, (sizes[k] - 1) * size, &last, size));
			const uint64_t want = (uint64_t)(rows[i].base + (int64_t)(sizes[k] - 1) % 100);
			cr_expect_eq(memcmp(&last, &want, size), 0, "row %zu: %llx", i, (unsigned long long)last);
			ox_model_free(m);
			free(file.p);
		}
	}
}

Test(load, lists_in_pieces_are_joined)
{
	const float values[] = {1, 2, 3};
	wk t = tensor(NULL, OX_F32, 3), file;
	ox_model *m;
	float back[3];

	wk_float(&t, 4, values[0]);                    /* not packed, then packed */
	wk_bytes(&t, 4, values + 1, 8);
	cr_assert_eq(load_one(t, &m, &file, NULL), 0);
	cr_assert(ox_tensor_read(m, m->graph->inits.p[0]->tensor, 0, back, 12));
	cr_expect_eq(memcmp(back, values, 12), 0);
	ox_model_free(m);
	free(file.p);

	t = tensor(NULL, OX_I64, 3);
	wk_int(&t, 7, -1);
	wk_bytes(&t, 7, "\x05\x06", 2);
	cr_assert_eq(load_one(t, &m, &file, NULL), 0);
	int64_t ints[3];
	cr_assert(ox_tensor_read(m, m->graph->inits.p[0]->tensor, 0, ints, 24));
	cr_expect(ints[0] == -1 && ints[1] == 5 && ints[2] == 6);
	ox_model_free(m);
	free(file.p);
}

Test(load, empty_payloads)
{
	wk t = tensor(NULL, OX_F32, 0), file;
	ox_model *m;

	cr_assert_eq(load_one(t, &m, &file, NULL), 0);
	cr_expect_eq(m->graph->inits.p[0]->tensor->source, OX_SRC_NONE);
	ox_model_free(m);
	free(file.p);
	t = tensor(NULL, OX_F32, 0);
	wk_str(&t, 9, "");
	cr_assert_eq(load_one(t, &m, &file, NULL), 0);
	cr_expect(m->graph->inits.p[0]->tensor->source == OX_SRC_BYTES && m->graph->inits.p[0]->tensor->bytes);
	ox_model_free(m);
	free(file.p);
}

static wk with(wk t, unsigned field, const char *bytes, size_t n)
{
	wk_bytes(&t, field, bytes, n);
	return t;
}

Test(load, an_empty_packed_list_is_no_data)
{
	cr_expect_eq(code_of(with(tensor(NULL, OX_F32, 0), 4, "", 0)), 0);
	cr_expect_eq(code_of(with(tensor(NULL, OX_I64, 0), 7, "", 0)), 0);
	cr_expect_eq(code_of(with(tensor(NULL, OX_F32, 1), 4, "", 0)), OX_E_TENSOR_NODATA);
	cr_expect_eq(code_of(with(with(tensor(NULL, OX_F32, 1), 4, "", 0), 9, "1234", 4)), 0);
	cr_expect_eq(code_of(with(tensor(NULL, OX_STRING, 0), 6, "", 0)), OX_E_TENSOR_LONG);
}

Test(load, types_of_the_future_are_carried_along)
{
	wk t = tensor(NULL, 99, 3), file;
	ox_model *m;

	wk_str(&t, 9, "whatever");
	cr_assert_eq(load_one(t, &m, &file, NULL), 0);
	cr_expect_eq(m->graph->inits.p[0]->tensor->nbytes, 8);
	ox_model_free(m);
	free(file.p);
	t = tensor(NULL, 99, 3);
	wk_bytes(&t, 5, "\1\2\3", 3);
	cr_assert_eq(load_one(t, &m, &file, NULL), 0);
	cr_expect(str_is(m->graph->inits.p[0]->tensor->meta->unknown, "\x2a\x03\1\2\3"));
	ox_model_free(m);
	free(file.p);
}

static wk dims(int dtype, int64_t a, int64_t b)
{
	wk t = tensor(NULL, dtype, a);

	wk_int(&t, 1, b);
	return t;
}

Test(load, tensor_faults)
{
	wk t;

	cr_expect_eq(code_of(with(tensor(NULL, OX_F32, 2), 9, "1234", 4)), OX_E_TENSOR_SHORT);
	cr_expect_eq(code_of(with(tensor(NULL, OX_F32, 2), 9, "123456789012", 12)), OX_E_TENSOR_LONG);
	cr_expect_eq(code_of(with(tensor(NULL, OX_F32, 2), 9, "1234567", 7)), OX_E_TENSOR_SHORT);
	cr_expect_eq(code_of(with(tensor(NULL, OX_F32, 2), 4, "1234", 4)), OX_E_TENSOR_SHORT);
	cr_expect_eq(code_of(with(tensor(NULL, OX_U4, 3), 9, "1", 1)), OX_E_TENSOR_SHORT);
	cr_expect_eq(code_of(with(tensor(NULL, OX_U4, 3), 5, "\1\1", 2)), 0);
	cr_expect_eq(code_of(with(tensor(NULL, OX_U4, 3), 5, "\1\1\1", 3)), OX_E_TENSOR_LONG);
	cr_expect_eq(code_of(with(tensor(NULL, OX_I64, 3), 7, "\1\1", 2)), OX_E_TENSOR_SHORT);
	cr_expect_eq(code_of(with(tensor(NULL, OX_I64, 3), 7, "\x80\1\1", 3)), OX_E_TENSOR_SHORT);
	cr_expect_eq(code_of(with(tensor(NULL, OX_I64, 1), 7, "\1\1", 2)), OX_E_TENSOR_LONG);
	cr_expect_eq(code_of(with(tensor(NULL, OX_I64, INT64_MAX / 8), 7, "\1\1", 2)), OX_E_TENSOR_SHORT);
	cr_expect_eq(code_of(with(tensor(NULL, OX_STRING, 2), 6, "a", 1)), OX_E_TENSOR_SHORT);
	cr_expect_eq(code_of(with(tensor(NULL, OX_STRING, 1), 6, "a\0\xff", 3)), 0);
	cr_expect_eq(code_of(with(tensor(NULL, OX_STRING, 1), 9, "a", 1)), OX_E_TENSOR_FIELD);
	cr_expect_eq(code_of(with(tensor(NULL, OX_F32, 1), 10, "12345678", 8)), OX_E_TENSOR_FIELD);
	cr_expect_eq(code_of(with(tensor(NULL, OX_U32, 1), 5, "\1", 1)), OX_E_TENSOR_FIELD);
	cr_expect_eq(code_of(tensor(NULL, OX_F32, 2)), OX_E_TENSOR_NODATA);
	cr_expect_eq(code_of(with(tensor(NULL, OX_F32, 0), 9, "1234", 4)), OX_E_TENSOR_LONG);
	cr_expect_eq(code_of(with(with(tensor(NULL, OX_F32, 1), 9, "1234", 4), 4, "1234", 4)), OX_E_TENSOR_FIELDS);
	cr_expect_eq(code_of(tensor(NULL, 0, 2)), OX_E_TENSOR_DTYPE);
	cr_expect_eq(code_of(tensor(NULL, -1, 2)), OX_E_TENSOR_DTYPE);
	cr_expect_eq(code_of((wk){0}), OX_E_TENSOR_DTYPE);
	cr_expect_eq(code_of(tensor(NULL, OX_F32, -2)), OX_E_TENSOR_DIMS);
	cr_expect_eq(code_of(dims(OX_F32, INT64_MAX, 2)), OX_E_TENSOR_SIZE);
	cr_expect_eq(code_of(tensor(NULL, OX_F32, INT64_MAX / 2)), OX_E_TENSOR_SIZE);
	cr_expect_eq(code_of(tensor(NULL, OX_C128, INT64_MAX / 8)), OX_E_TENSOR_SIZE);
	t = tensor(NULL, OX_F32, 1);
	for (unsigned i = 0; i < 100000; i++)
		wk_int(&t, 1, 1);
	cr_expect_eq(code_of(with(t, 9, "1234", 4)), OX_E_TENSOR_SIZE);
	cr_expect_eq(code_of(with(with(tensor(NULL, OX_F32, 1), 9, "1234", 4), 3, "", 0)), OX_E_TENSOR_SEGMENT);
	t = with(tensor(NULL, OX_F32, 1), 9, "1234", 4);
	wk_int(&t, 14, 2);
	cr_expect_eq(code_of(t), OX_E_TENSOR_LOCATION);
	t = with(tensor(NULL, OX_F32, 1), 9, "1234", 4);
	wk_int(&t, 14, 1);
	cr_expect_eq(code_of(t), OX_E_EXTERNAL_INLINE);
}

static int range(int dtype, unsigned field, int64_t v)
{
	wk t = tensor(NULL, dtype, 1);

	wk_int(&t, field, v);
	return code_of(t);
}

Test(load, ranges)
{
	cr_expect_eq(range(OX_I8, 5, -128), 0);
	cr_expect_eq(range(OX_I8, 5, -129), OX_E_TENSOR_RANGE);
	cr_expect_eq(range(OX_I8, 5, 128), OX_E_TENSOR_RANGE);
	cr_expect_eq(range(OX_U8, 5, 255), 0);
	cr_expect_eq(range(OX_U8, 5, -1), OX_E_TENSOR_RANGE);
	cr_expect_eq(range(OX_U8, 5, 256), OX_E_TENSOR_RANGE);
	cr_expect_eq(range(OX_F16, 5, 65535), 0);
	cr_expect_eq(range(OX_F16, 5, 65536), OX_E_TENSOR_RANGE);
	cr_expect_eq(range(OX_BF16, 5, -1), OX_E_TENSOR_RANGE);
	cr_expect_eq(range(OX_I16, 5, 32768), OX_E_TENSOR_RANGE);
	cr_expect_eq(range(OX_I32, 5, INT32_MIN), 0);
	cr_expect_eq(range(OX_I32, 5, 0xffffffff), 0);                /* -1 in five bytes */
	cr_expect_eq(range(OX_I32, 5, INT64_C(1) << 32), OX_E_TENSOR_RANGE);
	cr_expect_eq(range(OX_U32, 11, UINT32_MAX), 0);
	cr_expect_eq(range(OX_U32, 11, INT64_C(1) << 32), OX_E_TENSOR_RANGE);
	cr_expect_eq(range(OX_U32, 11, -1), OX_E_TENSOR_RANGE);
	cr_expect_eq(range(OX_U64, 11, -1), 0);
}

/* ---- attributes -------------------------------------------------------------------------- */

static int attr_code(wk a)
{
	wk g = wk_graph(), n = wk_node("Op", "x", "z");
	heard *h = heard_new();

	wk_sub(&n, 5, a);
	wk_sub(&g, 1, n);
	wk m = wk_model(g);
	ox_model *x = ox_load_memory(m.p, m.n, NULL, NULL, NULL, &h->diag);
	const int code = h->first;
	if (code)
		cr_expect(h->byte > 0 && strstr(h->path, "(Op) attribute a"), "OX%d at '%s'", code, h->path);
	ox_model_free(x);
	free(m.p);
	free(h);
	return code;
}

Test(load, attribute_faults)
{
	wk a = {0};

	wk_str(&a, 1, "a");
	wk_int(&a, 3, 1);
	wk_float(&a, 2, 1);
	cr_expect_eq(attr_code(a), OX_E_ATTR_PAYLOADS);
	a = (wk){0};
	wk_str(&a, 1, "a");
	wk_int(&a, 3, 1);
	wk_int(&a, 20, OX_A_FLOAT);
	cr_expect_eq(attr_code(a), OX_E_ATTR_TYPE);
	for (int type = -1; type <= OX_A_NTYPES; type++) {
		if (type > 0 && type < OX_A_NTYPES)
			continue;
		a = (wk){0};
		wk_str(&a, 1, "a");
		wk_int(&a, 3, 1);
		wk_int(&a, 20, type);
		cr_expect_eq(attr_code(a), OX_E_ATTR_TYPE);
	}
	a = (wk){0};
	wk_str(&a, 1, "a");
	wk_int(&a, 3, 1);
	wk_int(&a, 20, OX_A_INT);
	wk_str(&a, 21, "outer");
	cr_expect_eq(attr_code(a), OX_E_ATTR_PAYLOADS);
	a = (wk){0};
	wk_str(&a, 1, "a");
	wk t = with(tensor(NULL, OX_F32, 2), 9, "1234", 4);
	wk_sub(&a, 5, t);
	cr_expect_eq(attr_code(a), OX_E_TENSOR_SHORT);
	a = (wk){0};
	wk_str(&a, 1, "a");
	wk_sub(&a, 10, with(tensor(NULL, OX_F32, 2), 9, "1234", 4));
	cr_expect_eq(attr_code(a), OX_E_TENSOR_SHORT);
}

/* ---- everything that can be cut or flipped ------------------------------------------------- */

/* Any result is fine but a crash, a leak, or an error of ours without a place. */
static void survive(const uint8_t *p, size_t n, size_t *good)
{
	uint8_t *exact = malloc(n ? n : 1);
	heard *h = heard_new();
	ox_heap heap = {0};

	if (n)
		memcpy(exact, p, n);
	ox_model *m = ox_load_memory(exact, n, NULL, NULL, &heap, &h->diag);
	cr_assert_eq(m != NULL, h->diag.errors == 0, "OX%d %s", h->first, h->text);
	if (h->first / 100 == 30 || h->first / 100 == 31)
		cr_assert_geq(h->byte, 0, "OX%d %s", h->first, h->text);
	*good += m != NULL;
	ox_model_free(m);
	cr_assert_eq(heap.used, 0);
	free(exact);
	free(h);
}

static wk control_flow(void)
{
	wk g = {0}, then = {0}, n = wk_node("If", "c", "y"), a = {0}, b = {0}, other = {0};

	wk_sub(&then, 1, wk_node("Relu", "x", "t"));
	wk_str(&then, 2, "then");
	wk_sub(&then, 12, wk_value("t", 1, 1, (int64_t[]){2}));
	wk_str(&a, 1, "then_branch");
	wk_sub(&a, 6, then);
	wk_int(&a, 20, OX_A_GRAPH);
	wk_sub(&n, 5, a);
	wk_sub(&other, 1, wk_node("Neg", "x", "e"));
	wk_str(&other, 2, "else");
	wk_sub(&other, 12, wk_value("e", 1, 1, (int64_t[]){2}));
	wk_str(&b, 1, "else_branch");
	wk_sub(&b, 6, other);
	wk_int(&b, 20, OX_A_GRAPH);
	wk_sub(&n, 5, b);
	wk_sub(&g, 1, n);
	wk_str(&g, 2, "g");
	wk_sub(&g, 11, wk_value("c", OX_BOOL, 0, NULL));
	wk_sub(&g, 11, wk_value("x", 1, 1, (int64_t[]){2}));
	wk_sub(&g, 12, wk_value("y", 1, 1, (int64_t[]){2}));
	return wk_model(g);
}

static wk many_tensors(void)
{
	wk g = wk_graph(), t;

	wk_sub(&g, 5, floats("f", 3));
	t = tensor("i", OX_I64, 3);
	wk_bytes(&t, 7, "\1\x80\1\2", 4);
	wk_sub(&g, 5, t);
	t = tensor("b", OX_I8, 2);
	wk_bytes(&t, 5, "\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11);
	wk_sub(&g, 5, t);
	t = tensor("s", OX_STRING, 1);
	wk_str(&t, 6, "text");
	wk_sub(&g, 5, t);
	t = tensor("e", OX_F32, 2);
	wk_sub(&t, 13, wk_entry("location", "none.bin"));
	wk_sub(&t, 13, wk_entry("offset", "16"));
	wk_int(&t, 14, 1);
	wk_sub(&g, 5, t);
	return wk_model(g);
}

static wk (*const small[])(void) = {census, control_flow, many_tensors};

Test(load, every_truncation_has_an_answer)
{
	for (size_t i = 0; i < OX_LEN(small); i++) {
		wk m = small[i]();
		size_t good = 0;
		for (size_t n = 0; n <= m.n; n++)
			survive(m.p, n, &good);
		cr_expect_geq(good, 1, "the whole model %zu must load", i);
		cr_expect_lt(good, 16, "%zu prefixes of model %zu load", good, i);
		free(m.p);
	}
}

Test(load, every_bit_flip_has_an_answer)
{
	for (size_t i = 0; i < OX_LEN(small); i++) {
		wk m = small[i]();
		size_t good = 0;
		for (size_t bit = 0; bit < 8 * m.n; bit++) {
			m.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			survive(m.p, m.n, &good);
			m.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		cr_expect_gt(good, 0);
		cr_expect_lt(good, 8 * m.n);
		free(m.p);
	}
}

/* ---- limits ------------------------------------------------------------------------------------ */

Test(load, memory_that_ends_is_a_message)
{
	wk m = census();
	size_t failures = 0;

	for (size_t limit = 1 << 10; limit < 1 << 20; limit += 7 << 10) {
		heard *h = heard_new();
		ox_heap heap = {.limit = limit};
		jmp_buf outer;
		heap.escape = &outer;
		ox_model *x = ox_load_memory(m.p, m.n, NULL, NULL, &heap, &h->diag);
		cr_expect_eq(heap.escape, &outer);
		if (!x) {
			cr_expect_eq(h->first, OX_E_MEMORY);
			failures++;
		}
		ox_model_free(x);
		cr_expect_eq(heap.used, 0, "limit %zu leaves %zu", limit, heap.used);
		free(h);
	}
	cr_expect_gt(failures, 1);
	cr_expect_lt(failures, 140);
	free(m.p);
}

Test(load, a_million_empty_nodes)
{
	wk g = {0};
	heard *h = heard_new();
	ox_heap heap = {.limit = 64 << 20};

	wk_str(&g, 2, "g");
	for (unsigned i = 0; i < 1000000; i++)
		wk_str(&g, 1, "");
	wk m = wk_model(g);
	clock_t t = clock();
	cr_expect_null(ox_load_memory(m.p, m.n, NULL, NULL, &heap, &h->diag));
	cr_expect_eq(h->first, OX_E_MEMORY);
	cr_expect_lt((double)(clock() - t) / CLOCKS_PER_SEC, 1.0);
	heap.limit = 0;
	t = clock();
	ox_model_free(ox_load_memory(m.p, m.n, NULL, NULL, &heap, &h->diag));
	cr_expect_lt((double)(clock() - t) / CLOCKS_PER_SEC, 20.0);
	cr_expect_eq(heap.used, 0);
	free(m.p);
	free(h);
}

/* Small messages that must not cost memory by their square: unknown fields, shards. */
Test(load, many_unknown_fields_are_linear)
{
	wk g = wk_graph(), n = wk_node("Op", "x", "z"), dev = {0}, shard = {0};
	heard *h = heard_new();
	ox_heap heap = {.limit = 64 << 20};

	for (unsigned i = 0; i < 100000; i++) {
		wk_int(&g, UNKNOWN, 1);
		wk_int(&shard, 2, 1);
	}
	wk_sub(&dev, 2, shard);
	wk_sub(&n, 10, dev);
	wk_sub(&g, 1, n);
	wk m = wk_model(g);
	ox_model *x = ox_load_memory(m.p, m.n, NULL, NULL, &heap, &h->diag);
	cr_assert_not_null(x, "%s", h->text);
	cr_expect_eq(x->graph->meta->unknown.n, 300000);
	cr_expect_eq(x->graph->last->devices[0].shards[0].rest.n, 200000);
	ox_model_free(x);
	free(m.p);
	free(h);
}

static bool stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
	(void)stage;
	++*(int *)user;
	cr_expect_leq(done, total);
	return false;
}

Test(load, can_be_stopped)
{
	wk g = wk_graph();
	heard *h = heard_new();
	int calls = 0;

	for (unsigned i = 0; i < 10000; i++)
		wk_sub(&g, 16, wk_entry("k", "v"));
	wk m = wk_model(g);
	const ox_progress p = {stop, &calls};
	cr_expect_null(ox_load_memory(m.p, m.n, NULL, &(ox_load_options){.progress = &p}, NULL, &h->diag));
	cr_expect(h->first == OX_E_CANCELLED && calls == 1);
	free(m.p);
	free(h);
}

/* ---- files ----------------------------------------------------------------------------------------- */

Test(load, files_of_the_system)
{
	heard *h = heard_new();

	cr_expect_null(ox_load("/nonexistent/model.onnx", NULL, NULL, &h->diag));
	cr_expect_eq(h->diag.exit, 4);
	cr_expect_null(h->diag.file);
	*h = (heard){.diag = h->diag};
	h->diag.exit = 0;
	cr_expect_null(ox_load("/", NULL, NULL, &h->diag));
	cr_expect_eq(h->diag.exit, 4);
	char path[] = "/tmp/oxloadXXXXXX";
	const int fd = mkstemp(path);
	wk m = wk_model(wk_graph());
	FILE *f = fdopen(fd, "wb");
	fwrite(m.p, 1, m.n, f);
	fclose(f);
	ox_model *x = ox_load(path, NULL, NULL, &h->diag);
	cr_assert_not_null(x);
	cr_expect_str_eq(ox_model_path(x), path);
	cr_expect_eq(ox_model_file_size(x), m.n);
	ox_model_free(x);
	remove(path);
	free(m.p);
	free(h);
}
