/* schema.c - JSON Schema of pipelines and of rules, for editors: docs/pipeline.schema.json and
 * docs/rules.schema.json, which `make docs` writes from the tables that the readers go by.
 */
#include "cli/cli.h"

#include "passes/pipefile.h"

static void put_ref(json *j, const char *key, const char *name)
{
	json_open(j, key, '{');
	json_text(j, "$ref", name);
	json_close(j);
}

static void put_type(json *j, const char *key, const char *type)
{
	json_open(j, key, '{');
	json_text(j, "type", type);
	json_close(j);
}

static void put_enum(json *j, const char *const *words)
{
	json_open(j, "enum", '[');
	for (; *words; words++)
		json_text(j, NULL, *words);
	json_close(j);
}

static void begin(json *j, const char *title, const char *about)
{
	json_open(j, NULL, '{');
	json_text(j, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_text(j, "title", title);
	json_text(j, "description", about);
}

/* ---- pipelines ---------------------------------------------------------------- */

static void put_keys(json *j, const ox_pipe_key *keys);

/* A name, or a map: two of the forms of a list that is open. */
static void put_need(json *j, const ox_pipe_key *keys)
{
	put_type(j, NULL, "string");
	json_open(j, NULL, '{');
	put_keys(j, keys);
	json_open(j, "required", '[');
	json_text(j, NULL, keys->name);
	json_close(j);
	json_close(j);
}

/* What stands for a key, into the object that is open. */
static void put_kind(json *j, const ox_pipe_key *k)
{
	switch (k->kind) {
	case OX_KEY_ONE:
		json_uint(j, "const", 1);
		return;
	case OX_KEY_COUNT:
		json_text(j, "type", "integer");
		json_int(j, "minimum", k->least);
		return;
	case OX_KEY_TIME:
		json_text(j, "type", "string");
		json_text(j, "pattern", "^[0-9]+(s|ms|min|h)$");
		return;
	case OX_KEY_TEXT:
		json_text(j, "type", "string");
		return;
	case OX_KEY_CHOICE:
		put_enum(j, k->choices);
		return;
	case OX_KEY_NAMES:
		json_text(j, "$ref", "#/$defs/names");
		return;
	case OX_KEY_PASSES:
		json_text(j, "$ref", "#/$defs/passes");
		return;
	case OX_KEY_OPTIONS:
		json_text(j, "$ref", "#/$defs/options");
		return;
	case OX_KEY_FIXPOINT:
		json_open(j, "anyOf", '[');
		put_ref(j, NULL, "#/$defs/passes");
		json_open(j, NULL, '{');
		put_keys(j, k->within);
		json_close(j);
		json_close(j);
		return;
	case OX_KEY_NEEDS:
		json_open(j, "anyOf", '[');
		put_need(j, k->within);
		json_open(j, NULL, '{');
		json_text(j, "type", "array");
		json_open(j, "items", '{');
		json_open(j, "anyOf", '[');
		put_need(j, k->within);
		json_close(j);
		json_close(j);
		json_close(j);
		json_close(j);
		return;
	case OX_KEY_MAP:
		put_keys(j, k->within);
		return;
	}
}

static void put_properties(json *j, const ox_pipe_key *keys)
{
	json_open(j, "properties", '{');
	for (; keys->name; keys++) {
		json_open(j, keys->name, '{');
		json_text(j, "description", keys->doc);
		put_kind(j, keys);
		json_close(j);
	}
	json_close(j);
}

static void put_keys(json *j, const ox_pipe_key *keys)
{
	json_text(j, "type", "object");
	json_bool(j, "additionalProperties", false);
	put_properties(j, keys);
}

/* Names of passes are completed, but others are fine: rules of files and plugins have them. */
static void put_names(json *j)
{
	size_t n;
	const ox_pass *const *table = ox_pass_table(&n);

	json_open(j, "name", '{');
	json_open(j, "anyOf", '[');
	json_open(j, NULL, '{');
	json_open(j, "enum", '[');
	for (size_t i = 0; i < n; i++)
		json_text(j, NULL, table[i]->name);
	json_close(j);
	json_close(j);
	put_type(j, NULL, "string");
	json_close(j);
	json_close(j);
}

/* A word, or a list of them. */
static void put_list(json *j, const char *key, const char *item)
{
	json_open(j, key, '{');
	json_open(j, "anyOf", '[');
	put_ref(j, NULL, item);
	json_open(j, NULL, '{');
	json_text(j, "type", "array");
	put_ref(j, "items", item);
	json_close(j);
	json_close(j);
	json_close(j);
}

/* A pass, or a map of one key: fixpoint, rules, or the name of a pass. */
static void put_entry(json *j)
{
	json_open(j, "entry", '{');
	json_open(j, "anyOf", '[');
	put_ref(j, NULL, "#/$defs/name");
	json_open(j, NULL, '{');
	json_text(j, "type", "object");
	json_uint(j, "minProperties", 1);
	json_uint(j, "maxProperties", 1);
	put_properties(j, ox_pipe_entry_keys);
	json_open(j, "additionalProperties", '{');
	put_keys(j, ox_pipe_pass_keys);
	json_close(j);
	json_close(j);
	json_close(j);
	json_close(j);
}

static void put_options(ox_cli *c, json *j)
{
	static const char *const types[] = {"string", "integer", "boolean", "array"};

	json_open(j, "options", '{');
	json_text(j, "type", "object");
	json_bool(j, "additionalProperties", false);
	json_open(j, "properties", '{');
	for (const char *const *name = cli_option_names(c); *name; name++) {
		json_open(j, *name, '{');
		json_open(j, "type", '[');
		for (size_t i = 0; i < OX_LEN(types); i++)
			json_text(j, NULL, types[i]);
		json_close(j);
		json_close(j);
	}
	json_close(j);
	json_close(j);
}

void cli_schema_pipeline(ox_cli *c, FILE *f)
{
	json j = {.f = f};

	begin(&j, "onnxopt pipeline", "docs/pipelines.md; written by `make docs`");
	put_keys(&j, ox_pipe_keys);
	json_open(&j, "required", '[');
	json_text(&j, NULL, "version");
	json_close(&j);
	json_open(&j, "$defs", '{');
	put_names(&j);
	put_list(&j, "names", "#/$defs/name");
	put_list(&j, "passes", "#/$defs/entry");
	put_entry(&j);
	put_options(c, &j);
	json_close(&j);
	json_close(&j);
}

/* ---- rules --------------------------------------------------------------------- */

/* Pictures and guards are texts, or lists; what is in them the reader tells better. */
static void put_rule_key(json *j, const ox_rule_key *k)
{
	const bool listed = !strcmp(k->name, "before") || !strcmp(k->name, "when") || !strcmp(k->name, "shared");

	json_open(j, k->name, '{');
	json_text(j, "description", k->doc);
	if (k->choices)
		put_enum(j, k->choices);
	else if (!strcmp(k->name, "rule"))
		json_text(j, "pattern", "^[a-z0-9_]+$");
	if (!k->choices) {
		json_open(j, "type", '[');
		json_text(j, NULL, "string");
		if (!strcmp(k->name, "opset"))
			json_text(j, NULL, "number");
		if (listed)
			json_text(j, NULL, "array");
		if (!strcmp(k->name, "before"))
			json_text(j, NULL, "object");
		json_close(j);
	}
	json_close(j);
}

void cli_schema_rules(FILE *f)
{
	json j = {.f = f};

	begin(&j, "onnxopt rules", "docs/rules.md; written by `make docs`");
	json_text(&j, "type", "array");
	json_open(&j, "items", '{');
	json_text(&j, "type", "object");
	json_bool(&j, "additionalProperties", false);
	json_open(&j, "required", '[');
	for (const ox_rule_key *k = ox_rule_keys; k->name; k++)
		if (k->needed)
			json_text(&j, NULL, k->name);
	json_close(&j);
	json_open(&j, "properties", '{');
	for (const ox_rule_key *k = ox_rule_keys; k->name; k++)
		put_rule_key(&j, k);
	json_close(&j);
	json_close(&j);
	json_close(&j);
}
