/* check_node.c - a node against the schema of its operator.
 *
 * Only the domains of ONNX itself are held against their tables, and only up to the newest
 * opset we know: beyond that, and in custom domains, a node is taken as it is.
 */
#include "ir/check.h"

/* ---- attributes, whatever the operator ------------------------------------- */

static void check_ref(checker *c, const ox_attr *a, const ox_node *n, const scope *s)
{
	if (!s->function)
		FAULT(c, ATTR_REF_OUTSIDE, check_at_node(c, n),
		      "attribute '%s' refers to '%s', but no function is around it",
		      check_show(c, a->name), check_show(c, a->ref));
	else if (s->caller != UINT32_MAX && !check_declares(c, s->caller, a->ref))
		FAULT(c, ATTR_REF_UNBOUND, check_at_node(c, n),
		      "attribute '%s' refers to '%s', which the function does not declare",
		      check_show(c, a->name), check_show(c, a->ref));
}

static bool lacks_value(const ox_attr *a)
{
	switch (a->type) {
	case OX_A_TENSOR:
		return !a->t;
	case OX_A_GRAPH:
		return !a->g;
	case OX_A_TYPE:
		return !a->tp;
	case OX_A_SPARSE:
		return !a->sparse;
	default:                      /* writers of proto3 leave out 0 and "", and empty lists */
		return false;
	}
}

static void check_value(checker *c, const ox_attr *a, const ox_node *n)
{
	const ox_graph *g = n->graph;

	switch (a->type) {
	case OX_A_TENSOR:
		check_tensor(c, a->t, g, n, a->name);
		break;
	case OX_A_SPARSE:
		check_sparse(c, a->sparse, g, n, a->name);
		break;
	case OX_A_TYPE:
		check_type(c, a->tp, g, a->name);
		break;
	case OX_A_TENSORS:
		for (size_t i = 0; i < a->n; i++)
			check_tensor(c, a->tensors[i], g, n, a->name);
		break;
	case OX_A_SPARSES:
		for (size_t i = 0; i < a->n; i++)
			check_sparse(c, a->sparses[i], g, n, a->name);
		break;
	case OX_A_TYPES:
		for (size_t i = 0; i < a->n; i++)
			check_type(c, a->tps[i], g, a->name);
		break;
	default:
		break;
	}
}

void check_attr(checker *c, const ox_attr *a, const ox_node *n, const scope *s)
{
	if (!is_named(a->name))
		FAULT(c, ATTR_UNNAMED, check_at_node(c, n), "attribute %zu has no name",
		      (size_t)(a - n->attr));
	if (!a->has_type && c->m->ir_version >= 2 && (a->type != OX_A_UNDEFINED || a->ref))
		FAULT(c, ATTR_UNTYPED, check_at_node(c, n), "attribute '%s' does not say its type",
		      check_show(c, a->name));
	if (a->ref) {
		check_ref(c, a, n, s);
		return;
	}
	if (a->type == OX_A_UNDEFINED) {
		FAULT(c, ATTR_UNDEFINED, check_at_node(c, n),
		      "attribute '%s' has neither a type nor a value", check_show(c, a->name));
		return;
	}
	if (lacks_value(a)) {
		FAULT(c, ATTR_NO_VALUE, check_at_node(c, n), "attribute '%s' is a %s without a value",
		      check_show(c, a->name), ox_attr_type_name(a->type));
		return;
	}
	check_value(c, a, n);
}

static bool appears_before(const ox_node *n, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (n->attr[k].name == n->attr[i].name)
			return true;
	return false;
}

/* Nearly every node has few attributes, and to compare them pairwise is fastest. */
static void check_attr_names(checker *c, const ox_node *n)
{
	const bool few = n->nattr <= 12;

	if (!few)
		check_clear(&c->seen);
	for (uint32_t i = 0; i < n->nattr; i++) {
		bool fresh;
		if (few)
			fresh = !appears_before(n, i);
		else
			check_put(c, &c->seen, n->attr[i].name, 0, &fresh);
		if (!fresh)
			FAULT(c, ATTR_TWICE, check_at_node(c, n), "attribute '%s' appears twice",
			      check_show(c, n->attr[i].name));
	}
}

/* ---- attributes, as the operator wants them --------------------------------- */

static const char *nearest_attr(const ox_schema *s, const ox_name *name)
{
	const char *names[UINT8_MAX];

	for (unsigned i = 0; i < s->nattr; i++)
		names[i] = s->attr[i].name;
	return ox_nearest(name->s, names, s->nattr);
}

static int attr_index(const ox_schema *s, const ox_name *name)
{
	for (int i = 0; i < s->nattr; i++)
		if (!strcmp(s->attr[i].name, name->s))
			return i;
	return -1;
}

static void check_attr_schema(checker *c, const ox_node *n, const ox_schema *s)
{
	uint64_t present = 0;

	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_attr *a = &n->attr[i];
		const int k = is_named(a->name) ? attr_index(s, a->name) : -1;
		if (k >= 0) {
			present |= (uint64_t)1 << k;
			if (a->type != s->attr[k].type && (!a->ref || a->has_type) && a->type)
				FAULT(c, ATTR_MISTYPED, check_at_node(c, n),
				      "attribute '%s' is of type %s, expected %s",
				      check_show(c, a->name), ox_attr_type_name(a->type),
				      ox_attr_type_name(s->attr[k].type));
		} else if (is_named(a->name) && !is_private(a->name)) {
			if (!check_counts(c, OX_E_ATTR_UNKNOWN))
				continue;
			const char *near = nearest_attr(s, a->name);
			ox_report(c->d, OX_E_ATTR_UNKNOWN, check_at_node(c, n),
			          "version %d of the operator has no attribute '%s'%s%s%s", s->since,
			          check_show(c, a->name), near ? "; did you mean '" : "",
			          near ? near : "", near ? "'?" : "");
		}
	}
	for (unsigned k = 0; k < s->nattr; k++)
		if (s->attr[k].required && !(present >> k & 1))
			FAULT(c, ATTR_REQUIRED, check_at_node(c, n), "attribute '%s' is missing",
			      s->attr[k].name);
}

/* Which attribute holds the value of a Constant is for the schema to say: all are optional
 * there, and exactly one must be. */
static void check_constant(checker *c, const ox_node *n)
{
	unsigned values = 0;

	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_name *name = n->attr[i].name;
		values += name && (!strncmp(name->s, "value", 5) || !strcmp(name->s, "sparse_value"));
	}
	if (values != 1)
		FAULT(c, CONSTANT_VALUE, check_at_node(c, n), "%u attributes give a value, expected 1",
		      values);
}

/* ---- inputs and outputs ------------------------------------------------------- */

/* "2", "2 to 4", "2 or more" */
static const char *show_bounds(checker *c, unsigned min, unsigned max)
{
	if (max == UINT16_MAX)
		return ox_str_printf(&c->scratch, "%u or more", min).p;
	if (min == max)
		return ox_str_printf(&c->scratch, "%u", min).p;
	return ox_str_printf(&c->scratch, "%u to %u", min, max).p;
}

static void check_arity(checker *c, const ox_node *n, const ox_schema *s)
{
	if (n->nin < s->min_in || (n->nin > s->max_in && s->max_in != UINT16_MAX))
		FAULT(c, NODE_INPUTS, check_at_node(c, n),
		      "%u inputs, version %d of the operator has %s", n->nin, s->since,
		      show_bounds(c, s->min_in, s->max_in));
	if (n->nout < s->min_out || (n->nout > s->max_out && s->max_out != UINT16_MAX))
		FAULT(c, NODE_OUTPUTS, check_at_node(c, n),
		      "%u outputs, version %d of the operator has %s", n->nout, s->since,
		      show_bounds(c, s->min_out, s->max_out));
	for (uint32_t i = 0; i < n->nin && i < s->nin; i++)
		if (!n->in[i].val && s->in[i].kind == OX_P_SINGLE)
			FAULT(c, NODE_INPUT_ABSENT, check_at_node(c, n), "input %u, '%s', is mandatory",
			      i, s->in[i].name);
	for (uint32_t i = 0; i < n->nout && s->nout; i++) {
		const ox_schema_param *p = &s->out[i < s->nout ? i : s->nout - 1u];
		if (!n->out[i] && p->kind != OX_P_OPTIONAL)
			FAULT(c, NODE_OUTPUT_ABSENT, check_at_node(c, n), "output %u, '%s', is mandatory", i, p->name);
	}
	/* BatchNormalization has 1 or all of its outputs; the schemas' bounds do not say that. */
	if (n->op == OX_BatchNormalization && n->nout > 1 && n->nout < s->max_out)
		FAULT(c, NODE_OUTPUT_SET, check_at_node(c, n), "%u outputs, expected 1 or %u", n->nout,
		      s->max_out);
}

/* ---- bodies ------------------------------------------------------------------- */

static const ox_graph *body_of(const ox_node *n, const char *name)
{
	const ox_attr *a = ox_node_attr(n, name);

	return a && !a->ref && a->type == OX_A_GRAPH ? a->g : NULL;
}

/* What the node passes in. At IR 3 and below a body lists its weights behind that. */
static size_t body_inputs(const ox_graph *g)
{
	size_t n = g->inputs.n;

	while (g->model->ir_version <= 3 && n && g->inputs.p[n - 1].val
	       && ox_value_const(g->inputs.p[n - 1].val))
		n--;
	return n;
}

static void check_body(checker *c, const ox_node *n, const char *name, uint64_t nin, uint64_t nout)
{
	const ox_graph *g = body_of(n, name);

	if (!g)
		return;
	const size_t takes = body_inputs(g);
	if (takes != nin)
		FAULT(c, BODY_INPUTS, check_at_node(c, n), "'%s' has %zu inputs, expected %llu", name,
		      takes, (unsigned long long)nin);
	if (g->outputs.n < nout)
		FAULT(c, BODY_OUTPUTS, check_at_node(c, n), "'%s' has %zu outputs, expected %llu", name,
		      g->outputs.n, (unsigned long long)nout);
	else if (g->outputs.n > nout)
		FAULT(c, BODY_UNREAD, check_at_node(c, n), "'%s' has %zu outputs, the node takes %llu",
		      name, g->outputs.n, (unsigned long long)nout);
}

static void check_if(checker *c, const ox_node *n)
{
	const ox_graph *yes = body_of(n, "then_branch"), *no = body_of(n, "else_branch");

	if (yes && no && yes->outputs.n != no->outputs.n) {
		FAULT(c, BRANCHES, check_at_node(c, n),
		      "'then_branch' has %zu outputs, 'else_branch' has %zu", yes->outputs.n,
		      no->outputs.n);
		return;
	}
	check_body(c, n, "then_branch", 0, n->nout);
	check_body(c, n, "else_branch", 0, n->nout);
}

/* M, cond, states -> body: iteration, cond, states -> cond, states, scan outputs. */
static void check_loop(checker *c, const ox_node *n)
{
	const uint64_t states = n->nin > 2 ? n->nin - 2 : 0;
	const ox_graph *body = body_of(n, "body");

	check_body(c, n, "body", 2 + states, 1 + (uint64_t)n->nout);
	if (body && body->outputs.n < 1 + states && body->outputs.n >= 1 + (uint64_t)n->nout)
		FAULT(c, BODY_OUTPUTS, check_at_node(c, n),
		      "'body' has %zu outputs, expected at least %llu", body->outputs.n,
		      (unsigned long long)(1 + states));
}

/* Opset 8 has a length input before the states; the body does not see it. */
static void check_scan(checker *c, const ox_node *n, const ox_schema *s)
{
	const uint64_t nin = n->nin - (uint64_t)(s->since < 9 && n->nin);
	bool known;
	const int64_t scanned = ox_attr_int(n, "num_scan_inputs", 0, &known);

	if (known && (scanned < 1 || (uint64_t)scanned > nin))
		FAULT(c, SCAN_INPUTS, check_at_node(c, n),
		      "num_scan_inputs is %lld, the node has %llu inputs to choose from",
		      (long long)scanned, (unsigned long long)nin);
	check_body(c, n, "body", nin, n->nout);
}

static void check_bodies(checker *c, const ox_node *n, const ox_schema *s)
{
	switch (n->op) {
	case OX_If:
		check_if(c, n);
		break;
	case OX_Loop:
		check_loop(c, n);
		break;
	case OX_Scan:
		check_scan(c, n, s);
		break;
	case OX_SequenceMap:
		check_body(c, n, "body", n->nin, n->nout);
		break;
	case OX_Constant:
		check_constant(c, n);
		break;
	default:
		break;
	}
}

/* ---- the operator --------------------------------------------------------------- */

/* Operators that were withdrawn before ONNX had versions; old exporters wrote them. */
static const char *const experimental[] = {
	"ATen", "Affine", "ConstantFill", "Crop", "DynamicSlice", "GRUUnit", "GivenTensorFill",
	"ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh",
};

static bool is_experimental(const ox_node *n)
{
	if (!is_default_domain(n->domain))
		return false;
	for (size_t i = 0; i < OX_LEN(experimental); i++)
		if (!strcmp(n->op_type->s, experimental[i]))
			return true;
	return false;
}

static const char *nearest_op(const ox_node *n)
{
	const char *domain = is_default_domain(n->domain) ? "" : n->domain->s;
	const char *names[OX_NOPS];
	size_t count = 0;

	for (int op = OX_OP_NONE + 1; op < OX_NOPS; op++)
		if (!strcmp(ox_op_row_of((ox_op)op)->domain, domain))
			names[count++] = ox_op_row_of((ox_op)op)->name;
	return ox_nearest(n->op_type->s, names, count);
}

static void check_unknown(checker *c, const ox_node *n)
{
	if (is_experimental(n)) {
		FAULT(c, OP_EXPERIMENTAL, check_at_node(c, n), "'%s' was an experimental operator",
		      check_show(c, n->op_type));
		return;
	}
	if (!check_counts(c, OX_E_OP_UNKNOWN))
		return;
	const char *near = nearest_op(n);
	ox_report(c->d, OX_E_OP_UNKNOWN, check_at_node(c, n), "domain '%s' has no operator '%s'%s%s%s",
	          is_default_domain(n->domain) ? "ai.onnx" : check_show(c, n->domain),
	          check_show(c, n->op_type), near ? "; did you mean '" : "", near ? near : "",
	          near ? "'?" : "");
}

/* The same operator may be another one in the model, once its functions are inlined. */
static void check_model_version(checker *c, const ox_node *n, const ox_schema *s, const scope *at)
{
	const int64_t version = is_default_domain(n->domain) ? at->model_opset
	                        : ox_opset_of(c->m->graph, n->domain);
	const ox_schema *other = version ? ox_schema_find(n->op, version) : NULL;

	if (other && other != s)
		FAULT(c, FUNCTION_OPSET, check_at_node(c, n),
		      "the function means version %d of the operator, the model version %d", s->since,
		      other->since);
}

static void check_schema(checker *c, const ox_node *n, int64_t version, const scope *at)
{
	const ox_schema *s = ox_schema_find(n->op, version);

	if (!s) {
		FAULT(c, OP_NEWER, check_at_node(c, n),
		      "the operator exists since version %u, version %lld is imported",
		      ox_op_row_of(n->op)->since[0], (long long)version);
		return;
	}
	if (s->deprecated)
		FAULT(c, OP_DEPRECATED, check_at_node(c, n),
		      "the operator is deprecated since version %d, version %lld is imported", s->since,
		      (long long)version);
	if (is_named(n->overload))
		FAULT(c, OP_OVERLOAD, check_at_node(c, n), "overload '%s' of a built-in operator",
		      check_show(c, n->overload));
	if (at->function)
		check_model_version(c, n, s, at);
	check_arity(c, n, s);
	if (n->nattr || s->nattr)
		check_attr_schema(c, n, s);
	check_bodies(c, n, s);
}

static void check_not_imported(checker *c, const ox_node *n)
{
	if (ox_domain_is_standard(n->domain))
		FAULT(c, DOMAIN_STANDARD, check_at_node(c, n), "domain '%s' is not imported",
		      is_default_domain(n->domain) ? "ai.onnx" : check_show(c, n->domain));
	else
		FAULT(c, DOMAIN_CUSTOM, check_at_node(c, n), "domain '%s' is not imported",
		      check_show(c, n->domain));
}

/* A custom domain may be imported with version 0, which is not the same as not at all. */
static bool is_imported(const checker *c, const ox_node *n, const scope *s)
{
	const ox_opset *sets = s->function ? s->function->opsets.p : c->m->opsets.p;
	const size_t count = s->function ? s->function->opsets.n : c->m->opsets.n;

	for (size_t i = 0; i < count; i++)
		if (ox_domain_equal(sets[i].domain, n->domain))
			return true;
	return false;
}

void check_node(checker *c, const ox_node *n, const scope *s)
{
	const bool onnx = is_default_domain(n->domain);
	const int64_t version = onnx ? s->opset : ox_opset_of(s->graph, n->domain);

	if (!n->nin && !n->nout)
		FAULT(c, NODE_NOTHING, check_at_node(c, n), "the node has neither inputs nor outputs");
	for (uint32_t i = 0; i < n->nattr; i++)
		check_attr(c, &n->attr[i], n, s);
	if (n->nattr > 1)
		check_attr_names(c, n);
	if (!is_named(n->op_type)) {
		FAULT(c, OP_UNNAMED, check_at_node(c, n), "the node has no op_type");
		return;
	}
	if (!version && !is_imported(c, n, s))
		check_not_imported(c, n);
	if (!n->op && check_call(c, n, s))
		return;
	if (!version || (!onnx && !ox_domain_is_standard(n->domain)))
		return;
	if (version > ox_newest_opset(onnx ? "" : n->domain->s))
		return;
	if (!n->op)
		check_unknown(c, n);
	else
		check_schema(c, n, version, s);
}
