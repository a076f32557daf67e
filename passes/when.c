/* when.c - conditions of a pipeline on the model as it comes.
 *
 *     ops.BatchNormalization > 0
 *     nodes < 10000
 *     opset >= 17
 *
 * METRIC OPERATOR NUMBER. All numbers count every scope; ops.X is of the standard domains, and
 * ops.DOMAIN.X of others.
 */
#include "passes/pipefile.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t count_nodes(const ox_model *m, ox_graph **graphs, size_t n)
{
	uint64_t sum = 0;

	(void)m;
	for (size_t i = 0; i < n; i++)
		sum += graphs[i]->nnodes;
	return sum;
}

static uint64_t count_initializers(const ox_model *m, ox_graph **graphs, size_t n)
{
	uint64_t sum = 0;

	(void)m;
	for (size_t i = 0; i < n; i++)
		sum += graphs[i]->inits.n;
	return sum;
}

static uint64_t opset_of(const ox_model *m, ox_graph **graphs, size_t n)
{
	const int64_t opset = n ? ox_opset_of(graphs[0], NULL) : 0;

	(void)m;
	return opset > 0 ? (uint64_t)opset : 0;
}

static uint64_t ir_of(const ox_model *m, ox_graph **graphs, size_t n)
{
	(void)graphs;
	(void)n;
	return m->ir_version > 0 ? (uint64_t)m->ir_version : 0;
}

static const struct { const char *name; uint64_t (*of)(const ox_model *m, ox_graph **graphs, size_t n); } metrics[] = {
	{"nodes",        count_nodes},
	{"initializers", count_initializers},
	{"opset",        opset_of},
	{"ir_version",   ir_of},
};

/* The longer ones first. */
static const char *const operators[] = {"<=", ">=", "==", "!=", "<", ">"};

typedef struct condition {
	ox_str metric;
	size_t op;                    /* of operators */
	uint64_t number;
} condition;

static bool is_op_metric(ox_str s) { return s.n > 4 && !memcmp(s.p, "ops.", 4); }

static const char *parse(const char *s, condition *c)
{
	char *end;
	size_t known = 0;

	s += strspn(s, " ");
	c->metric = (ox_str){s, strcspn(s, " <>=!")};
	while (known < OX_LEN(metrics) && !ox_str_eq(c->metric, ox_cstr(metrics[known].name)))
		known++;
	if (known == OX_LEN(metrics) && !is_op_metric(c->metric))
		return "a condition is about nodes, initializers, opset, ir_version or ops.NAME";
	s += c->metric.n;
	s += strspn(s, " ");
	for (c->op = 0; c->op < OX_LEN(operators); c->op++)
		if (!strncmp(s, operators[c->op], strlen(operators[c->op])))
			break;
	if (c->op == OX_LEN(operators))
		return "a condition compares by <, <=, ==, !=, >= or >";
	s += strlen(operators[c->op]);
	s += strspn(s, " ");
	errno = 0;
	c->number = strtoull(s, &end, 10);
	if (*s < '0' || *s > '9' || errno || end[strspn(end, " ")])
		return "a condition compares with a number";
	return NULL;
}

const char *ox_when_fault(const char *text)
{
	condition c;

	return parse(text, &c);
}

static bool is_op(const ox_node *n, ox_str name)
{
	const ox_str type = ox_name_str(n->op_type), domain = ox_name_str(n->domain);

	if (ox_domain_equal(n->domain, NULL))
		return ox_str_eq(type, name);
	return name.n == domain.n + 1 + type.n && !memcmp(name.p, domain.p, domain.n) && name.p[domain.n] == '.'
	       && !memcmp(name.p + domain.n + 1, type.p, type.n);
}

static uint64_t count_ops(ox_graph **graphs, size_t n, ox_str name)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		ox_foreach_node(x, graphs[i])
			sum += is_op(x, name);
	return sum;
}

static bool compares(uint64_t a, const char *op, uint64_t b)
{
	if (op[1] == '=')
		return *op == '<' ? a <= b : *op == '>' ? a >= b : *op == '=' ? a == b : a != b;
	return *op == '<' ? a < b : a > b;
}

bool ox_when_holds(const char *text, ox_model *m, ox_arena *a)
{
	condition c;
	size_t n;
	ox_graph **graphs = ox_model_graphs(m, a, &n);
	uint64_t value = 0;

	if (parse(text, &c))
		return false;
	if (is_op_metric(c.metric))
		value = count_ops(graphs, n, (ox_str){c.metric.p + 4, c.metric.n - 4});
	for (size_t i = 0; i < OX_LEN(metrics); i++)
		if (ox_str_eq(c.metric, ox_cstr(metrics[i].name)))
			value = metrics[i].of(m, graphs, n);
	return compares(value, operators[c.op], c.number);
}
