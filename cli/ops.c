/* ops.c - the operators known, from ops.def and attrs.def; --json gives every schema. */
#include "cli/cli.h"

#include <inttypes.h>

/* The flags of ox_op_row by name; also what the table shows. */
static const struct { uint32_t bit; const char *name; } flags[] = {
	{OX_PURE, "pure"},       {OX_COMMUT, "commutative"},  {OX_ELEMWISE, "elementwise"},
	{OX_BCAST, "broadcast"}, {OX_MOVES, "moves"},         {OX_SHAPEONLY, "shape-only"},
	{OX_RANDOM, "random"},   {OX_SUBGRAPH, "subgraph"},   {OX_TRAINING, "training"},
};

/* ---- JSON ------------------------------------------------------------------ */

static void put_bound(json *j, const char *key, uint16_t n)
{
	if (n == UINT16_MAX)
		json_null(j, key);            /* unbounded */
	else
		json_uint(j, key, n);
}

static void put_attrs(json *j, const ox_schema *s)
{
	json_open(j, "attributes", '[');
	for (size_t i = 0; i < s->nattr; i++) {
		json_open(j, NULL, '{');
		json_text(j, "name", s->attr[i].name);
		json_text(j, "type", ox_attr_type_name(s->attr[i].type));
		json_bool(j, "required", s->attr[i].required);
		json_text(j, "default", s->attr[i].dflt);
		json_close(j);
	}
	json_close(j);
}

static void put_params(json *j, const char *key, const ox_schema_param *p, size_t n)
{
	static const char *const kinds[] = {"single", "optional", "variadic"};

	json_open(j, key, '[');
	for (size_t i = 0; i < n; i++) {
		json_open(j, NULL, '{');
		json_text(j, "name", p[i].name);
		json_text(j, "type", p[i].type);
		json_text(j, "kind", kinds[p[i].kind]);
		json_bool(j, "homogeneous", p[i].homogeneous);
		json_uint(j, "min", p[i].min);
		json_close(j);
	}
	json_close(j);
}

/* In the schemas of opset 28, but no tensor of them is understood: not in ox_dtype. */
static const char *const float6[32 - OX_NDTYPES] = {"float6e2m3", "float6e3m2"};

static void put_types(json *j, const ox_schema *s)
{
	json_open(j, "types", '[');
	for (size_t i = 0; i < s->ntypes; i++) {
		const char *word = s->types[i].others;

		json_open(j, NULL, '{');
		json_text(j, "var", s->types[i].var);
		json_open(j, "tensor", '[');
		for (unsigned t = 0; t < 32; t++)
			if (s->types[i].tensor & 1u << t)
				json_text(j, NULL, t < OX_NDTYPES ? ox_dtype_name((ox_dtype)t) : float6[t - OX_NDTYPES]);
		json_close(j);
		json_open(j, "others", '[');
		while (word && *word) {
			const size_t n = strcspn(word, " ");
			if (n)
				json_str(j, NULL, (ox_str){word, n});
			word += n + (word[n] == ' ');
		}
		json_close(j);
		json_close(j);
	}
	json_close(j);
}

static void put_version(json *j, const ox_op_row *row, int since)
{
	const ox_schema *s = ox_schema_find(row->op, since);

	json_open(j, NULL, '{');
	json_int(j, "since", since);
	if (s) {
		json_bool(j, "deprecated", s->deprecated);
		json_uint(j, "body", s->body);
		put_bound(j, "min_in", s->min_in);
		put_bound(j, "max_in", s->max_in);
		put_bound(j, "min_out", s->min_out);
		put_bound(j, "max_out", s->max_out);
		put_attrs(j, s);
		put_params(j, "inputs", s->in, s->nin);
		put_params(j, "outputs", s->out, s->nout);
		put_types(j, s);
	}
	json_close(j);
}

static void put_op(json *j, const ox_op_row *row)
{
	json_open(j, NULL, '{');
	json_text(j, "domain", row->domain);
	json_text(j, "name", row->name);
	json_text(j, "category", row->category);
	json_open(j, "flags", '[');
	for (size_t i = 0; i < OX_LEN(flags); i++)
		if (row->flags & flags[i].bit)
			json_text(j, NULL, flags[i].name);
	json_close(j);
	json_open(j, "versions", '[');
	for (const uint8_t *v = row->since; v && *v; v++)
		put_version(j, row, *v);
	json_close(j);
	json_close(j);
}

static void put_json(FILE *f)
{
	json j = {.f = f};

	json_open(&j, NULL, '{');
	json_uint(&j, "schema_version", 1);
	json_open(&j, "ops", '[');
	for (int op = OX_OP_NONE + 1; op < OX_NOPS; op++)
		put_op(&j, ox_op_row_of((ox_op)op));
	json_close(&j);
	json_close(&j);
}

/* ---- the table ------------------------------------------------------------- */

static const char *show_flags(ox_arena *a, uint32_t bits)
{
	const char *text = "";

	for (size_t i = 0; i < OX_LEN(flags); i++)
		if (bits & flags[i].bit)
			text = cli_text(a, "%s%s%s", text, *text ? " " : "", flags[i].name);
	return text;
}

static const char *show_versions(ox_arena *a, const uint8_t *v)
{
	const char *text = "";

	for (; v && *v; v++)
		text = cli_text(a, "%s%s%u", text, *text ? "," : "", *v);
	return text;
}

int cli_ops(ox_cli *c)
{
	ox_arena *a = &c->arena;
	cli_table t = {.arena = a, .align = "lllll"};

	if (c->options.json) {
		put_json(stdout);
		return EXIT_OK;
	}
	cli_row(&t, "op", "domain", "category", "since", "flags");
	for (int op = OX_OP_NONE + 1; op < OX_NOPS; op++) {
		const ox_op_row *row = ox_op_row_of((ox_op)op);
		cli_row(&t, row->name, *row->domain ? row->domain : "ai.onnx", row->category,
		        show_versions(a, row->since), show_flags(a, row->flags));
	}
	cli_table_print(&t, c->human, "");
	return EXIT_OK;
}
