/* assert.c - `--assert 'nodes<=120'`: a model that got too big fails the build.
 *
 *     METRIC OP NUMBER|METRIC        OP: < <= == != >= >
 *
 * Metrics are those of api/stats.c: nodes, bytes, ops.Conv, before.nodes... Numbers may
 * carry a unit: bytes<10MiB.
 */
#include "cli/cli.h"

#include <ctype.h>
#include <inttypes.h>

enum { LT, LE, EQ, NE, GE, GT };

static const struct { const char *sign; uint8_t op; } signs[] = {
	/* longer ones first */
	{"<=", LE}, {"==", EQ}, {"!=", NE}, {">=", GE}, {"<", LT}, {">", GT},
};

static ox_str trim(ox_str s)
{
	while (s.n && isspace((unsigned char)*s.p))
		s = (ox_str){s.p + 1, s.n - 1};
	while (s.n && isspace((unsigned char)s.p[s.n - 1]))
		s.n--;
	return s;
}

static bool is_metric(ox_cli *c, const char *text, ox_str name)
{
	static const ox_stats none;
	uint64_t value;
	size_t n;

	if (ox_metric(&none, &none, name, &value) != OX_METRIC_UNKNOWN)
		return true;
	const char *const *known = ox_metric_names(&n);
	cli_unknown(c, cli_text(&c->arena, "--assert '%s': no metric is called", cli_show(c, text)),
	            ox_str_copy(&c->arena, name).p, known, n);
	return false;
}

bool cli_assert_parse(ox_cli *c, const char *text, cli_assert *out)
{
	const size_t n = strcspn(text, "<>=!");

	*out = (cli_assert){.text = text, .left = trim((ox_str){text, n})};
	for (size_t i = 0; i < OX_LEN(signs); i++) {
		const size_t len = strlen(signs[i].sign);
		if (strncmp(text + n, signs[i].sign, len))
			continue;
		out->op = signs[i].op;
		out->right = trim(ox_cstr(text + n + len));
		if (!out->left.n || !out->right.n)
			break;
		out->is_number = cli_size(ox_str_copy(&c->arena, out->right).p, &out->number);
		return is_metric(c, text, out->left)
		       && (out->is_number || is_metric(c, text, out->right));
	}
	cli_error(c, OX_E_BAD_VALUE, NULL,
	          "--assert '%s' is not of the form METRIC<=NUMBER (also < == != >= >)",
	          cli_show(c, text));
	return false;
}

static bool is_bytes(ox_str s)
{
	return ox_str_eq(s, OX_S("bytes"));
}

bool cli_assert_needs_bytes(const cli_assert *a)
{
	return is_bytes(a->left) || is_bytes(a->right);
}

static bool compare(uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case LT: return a < b;
	case LE: return a <= b;
	case EQ: return a == b;
	case NE: return a != b;
	case GE: return a >= b;
	default: return a > b;
	}
}

static bool check_one(ox_cli *c, cli_assert *a, const ox_stats *before, const ox_stats *after)
{
	uint64_t left, right = a->number;

	if (ox_metric(before, after, a->left, &left) != OX_METRIC_OK
	    || (!a->is_number && ox_metric(before, after, a->right, &right) != OX_METRIC_OK)) {
		cli_error(c, OX_E_ASSERTION, NULL, "%s: the number of bytes is not known",
		          cli_show(c, a->text));
		return false;
	}
	a->holds = compare(a->op, left, right);
	if (!a->holds)
		cli_error(c, OX_E_ASSERTION, NULL, "%s does not hold: %s is %" PRIu64 ", %s is %" PRIu64,
		          cli_show(c, a->text), ox_show(&c->arena, a->left), left,
		          a->is_number ? "the bound" : ox_show(&c->arena, a->right), right);
	return a->holds;
}

bool cli_assert_check(ox_cli *c, cli_assert *list, size_t n, const ox_stats *before,
                      const ox_stats *after)
{
	bool ok = true;

	for (size_t i = 0; i < n; i++)
		ok &= check_one(c, &list[i], before, after);
	return ok;
}
