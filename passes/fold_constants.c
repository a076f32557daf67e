/* fold_constants - what follows from constants alone is a constant.
 *
 *     Add({1, 2}, {3, 4}) -> y        =>        y = {4, 6}
 *
 * Any operator that is deterministic and has a kernel (ops/eval.h), everywhere: in subgraphs,
 * where constants of the graphs around count, and in functions. This pass folds what is
 * exact: movement of data, integers, comparisons, casts, and + - * / sqrt of floats, which
 * IEEE 754 defines to the last bit. fold_constants_rounding does the rest.
 *
 * Large results are computed when they are written, from bytes that stay where they are
 * (ops/later.c). A result of equal elements that is too large to be stored becomes a
 * ConstantOfShape, and what reads a value that is too large (row B4) is folded all the same.
 *
 * Left alone, with a reason:
 *   - results that the specification leaves open or that are errors (law L15);
 *   - results larger than node and constants that go with it (row B2): by a little where the
 *     model is large, or by SMALL where whoever reads the result will be folded in turn, as
 *     the mean of a weight that is then subtracted. In all by a hundredth at most, when that
 *     is done. What is far too large is seen before any work is;
 *   - quantization of constants: a DequantizeLinear keeps its weight small (row B5);
 *   - what makes a finite number infinite, strings, data beyond MUCH. exact.
 */
#include "passes/pass.h"

enum {
	SMALL = 16 << 10,             /* bytes that a result may have beside those that go */
	LOOK = 64,                    /* nodes looked at to see that a reader will be folded */
	MIDDLING = 128 << 10,         /* bytes that are computed anew for each reader */
	MUCH = 64 << 20,              /* bytes read, or made at once, for one node */
	DEPTH = 4,                    /* nodes that are looked through to find constants */
};

static const char too_large[] = "the result is larger than the constants it would replace";

/* ---- which ops -------------------------------------------------------------- */

enum { ROUNDS, EXACT, EXACT_OF_INTS, EXACT_UNSUMMED, NEVER };

/* Beside those that only move data, which are exact. */
static const uint8_t classes[OX_NOPS] = {
	[OX_Abs] = EXACT, [OX_Add] = EXACT, [OX_And] = EXACT, [OX_ArgMax] = EXACT,
	[OX_ArgMin] = EXACT, [OX_BitCast] = EXACT, [OX_BitShift] = EXACT, [OX_BitwiseAnd] = EXACT,
	[OX_BitwiseNot] = EXACT, [OX_BitwiseOr] = EXACT, [OX_BitwiseXor] = EXACT,
	[OX_Cast] = EXACT, [OX_CastLike] = EXACT, [OX_Ceil] = EXACT, [OX_Clip] = EXACT,
	[OX_ConstantOfShape] = EXACT, [OX_Div] = EXACT, [OX_Equal] = EXACT, [OX_EyeLike] = EXACT,
	[OX_Floor] = EXACT, [OX_Greater] = EXACT, [OX_GreaterOrEqual] = EXACT,
	[OX_IsInf] = EXACT, [OX_IsNaN] = EXACT, [OX_Less] = EXACT, [OX_LessOrEqual] = EXACT,
	[OX_MatMulInteger] = EXACT, [OX_Max] = EXACT, [OX_Min] = EXACT, [OX_Mod] = EXACT, [OX_Mul] = EXACT, [OX_Neg] = EXACT,
	[OX_ML_ArrayFeatureExtractor] = EXACT, [OX_ML_Binarizer] = EXACT, [OX_ML_CategoryMapper] = EXACT,
	[OX_ML_FeatureVectorizer] = EXACT, [OX_ML_Imputer] = EXACT, [OX_ML_LabelEncoder] = EXACT,
	[OX_ML_OneHotEncoder] = EXACT,
	[OX_NonMaxSuppression] = EXACT, [OX_NonZero] = EXACT, [OX_Not] = EXACT, [OX_OneHot] = EXACT, [OX_Or] = EXACT,
	[OX_ReduceMax] = EXACT, [OX_ReduceMin] = EXACT, [OX_Reciprocal] = EXACT,
	[OX_RegexFullMatch] = EXACT, [OX_Relu] = EXACT, [OX_Round] = EXACT, [OX_Sign] = EXACT, [OX_Sqrt] = EXACT,
	[OX_Sub] = EXACT, [OX_TopK] = EXACT, [OX_Unique] = EXACT, [OX_Where] = EXACT,
	[OX_Xor] = EXACT,

	[OX_ConvInteger] = EXACT, [OX_GlobalMaxPool] = EXACT, [OX_MaxPool] = EXACT, [OX_MaxUnpool] = EXACT,

	[OX_Col2Im] = EXACT_OF_INTS, [OX_CumProd] = EXACT_OF_INTS, [OX_CumSum] = EXACT_OF_INTS, [OX_Einsum] = EXACT_OF_INTS,
	[OX_Gemm] = EXACT_OF_INTS,
	[OX_MatMul] = EXACT_OF_INTS, [OX_Range] = EXACT_OF_INTS, [OX_ReduceL1] = EXACT_OF_INTS,
	[OX_ReduceProd] = EXACT_OF_INTS, [OX_ReduceSum] = EXACT_OF_INTS,
	[OX_ReduceSumSquare] = EXACT_OF_INTS,

	[OX_ScatterElements] = EXACT_UNSUMMED, [OX_ScatterND] = EXACT_UNSUMMED,

	[OX_DequantizeLinear] = NEVER, [OX_DynamicQuantizeLinear] = NEVER,
	[OX_QuantizeLinear] = NEVER, [OX_MS_DequantizeLinear] = NEVER, [OX_MS_QuantizeLinear] = NEVER,
	[OX_MS_DynamicQuantizeMatMul] = NEVER, [OX_MS_QAttention] = NEVER,
	[OX_MS_QLinearAdd] = NEVER, [OX_MS_QLinearConcat] = NEVER, [OX_MS_QLinearMul] = NEVER,
	[OX_MS_QLinearSigmoid] = NEVER, [OX_QLinearConv] = NEVER, [OX_QLinearMatMul] = NEVER,
};

static bool of_ints(const ox_node *n)
{
	const ox_dtype t = ox_dtype_known(n->in[0].val);

	return t < OX_NDTYPES && (ox_kind_of(t) == OX_SIGNED || ox_kind_of(t) == OX_UNSIGNED);
}

/* Does it add or multiply what goes to the same place? */
static bool sums(const ox_node *n)
{
	bool known;
	const ox_str how = ox_attr_str(n, "reduction", ox_cstr("none"), &known);

	return !known || ox_str_eq(how, ox_cstr("add")) || ox_str_eq(how, ox_cstr("mul"));
}

static bool is_exact(const ox_node *n, const ox_op_row *row)
{
	const uint8_t k = classes[n->op];

	return row->flags & (OX_MOVES | OX_SHAPEONLY) || k == EXACT || (k == EXACT_OF_INTS && of_ints(n))
	       || (k == EXACT_UNSUMMED && (of_ints(n) || !sums(n)));
}

/* A local function may be called as an operator is. */
static bool calls_function(const ox_model *m, const ox_node *n)
{
	for (size_t i = 0; i < m->functions.n; i++) {
		const ox_function *f = m->functions.p[i];
		if (!f->dead && f->name == n->op_type && ox_domain_equal(f->domain, n->domain))
			return true;
	}
	return false;
}

static bool can_fold(const ox_node *n)
{
	const ox_op_row *row = ox_op_row_of(n->op);

	return row && row->flags & OX_PURE && n->nin > 0 && n->in[0].val && ox_eval_has_kernel(n->op)
	       && ox_node_is_read(n) && !calls_function(n->graph->model, n);
}

static bool may_fold(const ox_node *n, bool exact)
{
	const ox_op_row *row = ox_op_row_of(n->op);

	return row && classes[n->op] != NEVER && n->nin > 0 && is_exact(n, row) == exact && can_fold(n);
}

/* ---- inputs -------------------------------------------------------------------- */

/* Arrays of n's inputs for e. False: they do not all follow from constants. */
static bool find_inputs(ox_ctx *c, const ox_node *n, ox_eval *e, unsigned depth);

/* What was computed at once, to be read as what is read later. NULL: not of whole bytes. */
static const ox_tensor *tensor_in(ox_arena *a, const ox_array *x)
{
	if (!x->data)
		return x->from;
	if (!ox_is_tensor(x) || x->dtype >= OX_NDTYPES || x->dtype == OX_STRING || ox_dtype_bits(x->dtype) < 8)
		return NULL;
	ox_tensor *t = ox_new(a, ox_tensor);

	*t = (ox_tensor){.dtype = x->dtype, .has_dtype = true, .rank = x->rank, .dims = x->dims,
	                 .source = OX_SRC_BYTES, .bytes = x->data};
	return ox_tensor_nbytes(t, &t->nbytes) ? t : NULL;
}

/* The value of a node that is too large to be stored (row B4), or is there for n's sake alone:
 * what is large is read element by element. A ConstantOfShape above all, and what moves elements. */
static const ox_tensor *computed(ox_ctx *c, const ox_value *v, ox_arena *keep, unsigned depth)
{
	const ox_node *n = v->def;
	const ox_op_row *row = n ? ox_op_row_of(n->op) : NULL;
	ox_eval e = {.m = c->m, .n = n, .arena = keep, .keep = keep, .glance = true,
	             .max_bytes = MIDDLING, .max_read = MIDDLING, .max_ops = SMALL};

	/* what rounds would make an exact fold of the reader inexact */
	if (!row || !depth || !(row->flags & (OX_MOVES | OX_ELEMWISE) || n->op == OX_ConstantOfShape || n->op == OX_Range)
	    || !may_fold(n, true) || !find_inputs(c, n, &e, depth - 1) || !ox_eval_node(&e)
	    || e.overflows || e.disputed)
		return NULL;
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] == v)
			return tensor_in(keep, e.out[i]);
	return NULL;
}

/* May v follow from constants, as far as the operators tell? Cheap, and false for what a
 * graph input goes into. */
static bool may_be_known(const ox_value *v, unsigned depth)
{
	for (;; depth--) {
		if (ox_value_const(v))
			return true;
		const ox_node *n = v->def;
		const ox_op_row *row = n ? ox_op_row_of(n->op) : NULL;
		if (!row || !depth || !n->nin || !n->in[0].val)
			return false;
		if (n->op == OX_ConstantOfShape || n->op == OX_Range)
			return true;
		if (!(row->flags & (OX_MOVES | OX_ELEMWISE)))
			return false;
		v = n->in[0].val;
	}
}

static bool find_inputs(ox_ctx *c, const ox_node *n, ox_eval *e, unsigned depth)
{
	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i].val && !may_be_known(n->in[i].val, depth))
			return false;
	e->in = ox_new_array(c->scratch, ox_array *, n->nin);
	for (uint32_t i = 0; i < n->nin; i++) {
		const ox_value *v = n->in[i].val;
		if (!v)
			continue;
		const ox_tensor *t = ox_value_const(v);
		if (!t)
			t = computed(c, v, e->keep, depth);
		if (!t || t->dtype >= OX_NDTYPES)
			return false;
		e->in[i] = ox_array_of(t, c->scratch);
		if (!e->in[i])
			return false;
	}
	return true;
}

/* ---- what goes ---------------------------------------------------------------- */

/* Does v, a constant, go with n, being read by n alone? */
bool ox_goes_with(const ox_ctx *c, const ox_value *v, const ox_node *n)
{
	if (!ox_value_const(v) || v->is_input || ox_value_is_output(v) || ox_is_kept(c, v))
		return false;
	ox_foreach_use(u, v)
		if (u->reader != OX_READ_NODE || u->node != n)
			return false;
	return true;
}

/* In our file, at least: integers in int64_data take a byte each or more. */
uint64_t ox_stored_bytes(const ox_tensor *t)
{
	uint64_t n;

	if (t->source == OX_SRC_EXTERNAL || !ox_tensor_count(t, &n))
		return 0;
	return t->storage == OX_TYPED && ox_kind_of(t->dtype) != OX_FLOATING && n < t->nbytes ? n : t->nbytes;
}

static bool is_first_input(const ox_node *n, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (n->in[k].val == n->in[i].val)
			return false;
	return n->in[i].val;
}

/* n, and what is there for n alone. */
typedef struct cone {
	const ox_node *p[LOOK];
	unsigned n;
} cone;

static bool is_in(const cone *s, const ox_node *n)
{
	for (unsigned i = s->n; i-- > 0;)
		if (s->p[i] == n)
			return true;
	return false;
}

static bool read_within(const ox_ctx *c, const cone *s, const ox_value *v)
{
	if (v->is_input || ox_value_is_output(v) || ox_is_kept(c, v))
		return false;
	ox_foreach_use(u, v)
		if (u->reader != OX_READ_NODE || !is_in(s, u->node))
			return false;
	return true;
}

static bool goes_along(const ox_ctx *c, const cone *s, const ox_node *f)
{
	if (!f || is_in(s, f))
		return false;
	for (uint32_t i = 0; i < f->nout; i++)
		if (f->out[i] && !read_within(c, s, f->out[i]))
			return false;
	return true;
}

/* A node is found once all its readers are: the last of them looks at it. */
static void find_going(const ox_ctx *c, const ox_node *n, cone *s)
{
	s->p[0] = n;
	s->n = 1;
	for (unsigned k = 0; k < s->n; k++)
		for (uint32_t i = 0; i < s->p[k]->nin; i++) {
			const ox_value *v = s->p[k]->in[i].val;
			if (v && s->n < LOOK && goes_along(c, s, v->def))
				s->p[s->n++] = v->def;
		}
}

/* Was v met at an earlier node of s, or at an earlier input? */
static bool is_met(const cone *s, unsigned at, const ox_value *v)
{
	for (unsigned k = 0; k < at; k++)
		for (uint32_t i = 0; i < s->p[k]->nin; i++)
			if (s->p[k]->in[i].val == v)
				return true;
	return false;
}

/* Of the constants that go with n, and with the nodes that are there for n alone: a weight
 * whose parts are put together in another order. */
static uint64_t bytes_going(const ox_ctx *c, const ox_node *n)
{
	uint64_t sum = 0;
	cone s;

	find_going(c, n, &s);
	for (unsigned k = 0; k < s.n; k++)
		for (uint32_t i = 0; i < s.p[k]->nin; i++) {
			const ox_value *v = s.p[k]->in[i].val;
			if (is_first_input(s.p[k], i) && ox_value_const(v) && read_within(c, &s, v)
			    && !is_met(&s, k, v))
				sum += ox_stored_bytes(v->tensor);
		}
	return sum;
}

/* About what n takes in the file beyond its output's name; a constant has 16 too. */
static uint64_t node_bytes(const ox_node *n)
{
	uint64_t size = n->name.n + n->op_type->n + 8;

	for (uint32_t i = 0; i < n->nin; i++)
		size += n->in[i].val ? n->in[i].val->name->n + 2 : 2;
	for (uint32_t i = 0; i < n->nattr; i++)
		size += n->attr[i].name->n + 10;
	return size > 16 ? size - 16 : 0;
}

/* What is not worth a node: 64 bytes, 16 KiB from 256 MB on. In steps, so that a run on the
 * result finds the same or less. */
int64_t ox_not_worth_a_node(ox_ctx *c)
{
	const uint64_t n = ox_run_bytes(c) >> 14;
	int64_t step = 64;

	while (step < SMALL && (uint64_t)step * 2 <= n)
		step *= 2;
	return step;
}

bool ox_is_evaluated(const ox_node *n)
{
	const ox_op_row *row = ox_op_row_of(n->op);

	return row && row->flags & OX_PURE && classes[n->op] != NEVER && ox_eval_has_kernel(n->op);
}

/* Does v follow from constants? In *left steps, or it is not seen. */
static bool will_be_constant(const ox_value *v, unsigned *left)
{
	if (!v || ox_value_const(v))
		return true;
	if (!v->def || !*left || !ox_is_evaluated(v->def))
		return false;
	--*left;
	for (uint32_t i = 0; i < v->def->nin; i++)
		if (!will_be_constant(v->def->in[i].val, left))
			return false;
	return v->def->nin > 0;
}

/* Do all that read n's results have nothing but constants beside them? */
static bool readers_will_fold(const ox_node *n)
{
	unsigned left = LOOK;

	for (uint32_t o = 0; o < n->nout; o++) {
		if (!n->out[o])
			continue;
		ox_foreach_use(u, n->out[o]) {
			if (u->reader != OX_READ_NODE || !ox_is_evaluated(u->node))
				return false;
			for (uint32_t i = 0; i < u->node->nin; i++)
				if (!will_be_constant(u->node->in[i].val, &left))
					return false;
		}
	}
	return true;
}

/* Data in another file stays there. */
static bool is_elsewhere(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nin; i++) {
		const ox_tensor *t = ox_value_const(n->in[i].val);
		if (t && t->source == OX_SRC_EXTERNAL && t->nbytes > SMALL)
			return true;
	}
	return false;
}

/* Bytes of other files that go with n, whatever stays of them in its results. */
static uint64_t elsewhere_going(const ox_ctx *c, const ox_node *n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n->nin; i++) {
		const ox_tensor *t = ox_value_const(n->in[i].val);
		if (t && t->source == OX_SRC_EXTERNAL && is_first_input(n, i) && ox_goes_with(c, n->in[i].val, n))
			sum += t->nbytes;
	}
	return sum;
}

/* ---- results --------------------------------------------------------------------- */

/* Small integers take fewer bytes as varints than as eight each. */
void ox_store_small(ox_tensor *t)
{
	uint64_t n, size = 0, bits;

	if (t->dtype != OX_I64 || t->source != OX_SRC_BYTES || !ox_tensor_count(t, &n) || n > SMALL)
		return;
	for (uint64_t i = 0; i < n; i++) {
		memcpy(&bits, t->bytes + 8 * i, sizeof bits);
		do
			size++;
		while (bits >>= 7);
	}
	if (size < t->nbytes)
		t->storage = OX_TYPED;
}

/* Inference comes to the same by another way. */
static bool agrees(ox_ctx *c, const ox_value *v, const ox_array *x)
{
	const ox_dtype t = ox_dtype_known(v);
	const int rank = ox_rank_known(v);

	if ((t && t != x->dtype) || (rank >= 0 && rank != (int)x->rank))
		return false;
	for (uint32_t i = 0; rank >= 0 && i < x->rank; i++) {
		const ox_dim d = ox_dim_known(c->m, v, i);
		if (ox_dim_is_num(d) && d->num != x->dims[i])
			return false;
	}
	return true;
}

static bool is_wanted(const ox_node *n, uint32_t i) { return n->out[i] && n->out[i]->uses; }

/* NULL, or why the results will not do. */
static const char *problem(ox_ctx *c, const ox_eval *e, const ox_node *n)
{
	if (ox_makes_kept(c, n))
		return "the result is to be kept";
	/* models of optimizers import their own domain alone */
	if (!ox_opset_of(n->graph, NULL))
		return "ai.onnx, which has Constant, is not imported";
	if (e->overflows)
		return "a finite number would become infinite";
	if (e->disputed)
		return e->disputed;
	for (uint32_t i = 0; i < n->nout; i++) {
		const ox_array *x = e->out[i];
		if (!is_wanted(n, i))
			continue;
		if (!ox_is_tensor(x) || !ox_kind_of(x->dtype))
			return "the result is neither numbers nor booleans";
		if (!agrees(c, n->out[i], x))
			return "inference expects another type or shape";
	}
	return NULL;
}

static bool is_external(const ox_array *x)
{
	return !x->data && x->from && x->from->source == OX_SRC_EXTERNAL;
}

/* Bytes of the results that are read, in other files or in the model. False: too many to count. */
static bool result_bytes(const ox_eval *e, bool elsewhere, uint64_t *bytes)
{
	uint64_t size;

	*bytes = 0;
	for (uint32_t i = 0; i < e->n->nout; i++) {
		if (!is_wanted(e->n, i) || is_external(e->out[i]) != elsewhere)
			continue;
		if (!ox_dtype_bytes(e->out[i]->dtype, e->out[i]->count, &size) || !ox_add_u64(*bytes, size, bytes))
			return false;
	}
	return true;
}

/* Is one of the results computed when it is read, from data of another file? */
static bool reads_elsewhere(const ox_eval *e)
{
	for (uint32_t i = 0; i < e->n->nout; i++)
		if (is_wanted(e->n, i) && !e->out[i]->data && e->out[i]->from
		    && e->out[i]->from->source == OX_SRC_LAZY && e->out[i]->from->lazy->external)
			return true;
	return false;
}

static bool is_all_there(const ox_eval *e)
{
	for (uint32_t i = 0; i < e->n->nout; i++)
		if (is_wanted(e->n, i) && !e->out[i]->data)
			return false;
	return true;
}

static void replace(ox_ctx *c, ox_node *n, const ox_eval *e)
{
	ox_value **results = ox_new_array(c->scratch, ox_value *, n->nout);
	ox_value **going = ox_new_array(c->scratch, ox_value *, n->nin);

	for (uint32_t i = 0; i < n->nin; i++)
		if (is_first_input(n, i) && ox_goes_with(c, n->in[i].val, n))
			going[i] = n->in[i].val;
	const uint32_t nin = n->nin;
	for (uint32_t i = 0; i < n->nout; i++) {
		if (!n->out[i] || !n->out[i]->uses)
			continue;
		ox_tensor *t = ox_array_tensor(c->m, e->out[i]);
		ox_store_small(t);
		results[i] = ox_const_for(n->out[i], t);
	}
	ox_node_give_way(c, n, results);
	for (uint32_t i = 0; i < nin; i++)
		if (going[i])
			ox_value_kill(going[i]);
}

/* ---- the fold -------------------------------------------------------------------- */

/* A result that is too large but all of one element: n becomes a ConstantOfShape, if it reads
 * such a node, which then perhaps goes. */
static ox_tensor *splat_of(const ox_node *n, const ox_eval *e)
{
	const ox_schema *s = ox_schema_find(OX_ConstantOfShape, ox_node_opset(n));
	bool reads_node = false;

	for (uint32_t i = 0; i < n->nin; i++)
		reads_node |= n->in[i].val && !ox_value_const(n->in[i].val);
	if (!reads_node || n->nout != 1 || e->out[0]->data || e->out[0]->from->source != OX_SRC_SPLAT || !s)
		return NULL;
	for (unsigned i = 0; i < s->ntypes; i++)
		if (!strcmp(s->types[i].var, "T2") && !(s->types[i].tensor >> e->out[0]->dtype & 1))
			return NULL;
	return (ox_tensor *)(uintptr_t)e->out[0]->from;
}

static ox_status generate(ox_ctx *c, ox_node *n, const ox_tensor *splat)
{
	static const int64_t one = 1;
	ox_array elem = {.dtype = splat->dtype, .rank = 1, .dims = &one, .count = 1,
	                 .data = memcpy(ox_alloc(c->scratch, 16), splat->splat, 16)};

	if (!ox_may_grow(c, (int64_t)(8 * splat->rank + 64), false))
		return ox_skip(c, n, "folding has made the model larger enough");
	ox_node *y = ox_node_new_before(n->graph, n, OX_ConstantOfShape, 1, 1, n->out[0]->name->s);
	ox_node_set_input(y, 0, ox_const_ints(n->graph, OX_I64, splat->dims, splat->rank, "shape"));
	ox_node_set_attr(y, &(ox_attr){
		.name = ox_intern_str(&c->m->names, OX_S("value")), .type = OX_A_TENSOR, .has_type = true,
		.has_payload = true, .t = ox_array_tensor(c->m, &elem),
	});
	ox_node_give_way(c, n, &y->out[0]);
	return OX_CHANGED;
}

/* Large results are computed when they are written (ops/later.c): what reads them lies in
 * `keep`. glance: they need not be looked through. False with no e->why: some input is no
 * constant. *going: bytes of those that go. */
static bool evaluate(ox_ctx *c, const ox_node *n, ox_eval *e, ox_arena *keep, bool glance, uint64_t *going)
{
	*e = (ox_eval){.m = c->m, .n = n, .arena = c->scratch, .keep = keep, .glance = glance,
	               .max_read = MUCH, .max_ops = 4 * (uint64_t)MUCH};
	if (!find_inputs(c, n, e, DEPTH))
		return false;
	if (is_elsewhere(n))
		e->max_read = SMALL;
	*going = bytes_going(c, n);
	/* results that nobody reads are computed too, and two bits take a byte */
	e->max_bytes = *going < MUCH / 8 - SMALL ? 8 * (*going + SMALL) : MUCH;
	return ox_eval_node(e);
}

static ox_status fold(ox_ctx *c, ox_node *n)
{
	uint64_t bytes, elsewhere, going;
	ox_eval e;

	if (!evaluate(c, n, &e, c->scratch, true, &going))
		return e.why ? ox_skip(c, n, e.why) : OX_SAME;
	const char *why = problem(c, &e, n);
	if (why)
		return ox_skip(c, n, why);
	if (reads_elsewhere(&e) || !result_bytes(&e, true, &elsewhere) || elsewhere > elsewhere_going(c, n))
		return ox_skip(c, n, "its data lies in another file");
	const bool counted = result_bytes(&e, false, &bytes);
	const int64_t growth = (int64_t)bytes - (int64_t)(going + node_bytes(n));
	const bool grows = growth > ox_not_worth_a_node(c);
	if (!counted || bytes > going + SMALL || (grows && !readers_will_fold(n))) {
		const ox_tensor *splat = splat_of(n, &e);
		return splat ? generate(c, n, splat) : ox_skip(c, n, too_large);
	}
	if (!is_all_there(&e) && (!evaluate(c, n, &e, &c->m->arena, false, &going) || problem(c, &e, n)))
		return ox_skip(c, n, e.why ? e.why : problem(c, &e, n));
	if (!ox_may_grow(c, growth, grows))
		return ox_skip(c, n, "folding has made the model larger enough");
	replace(c, n, &e);
	return OX_CHANGED;
}

ox_status ox_fold_constants(ox_ctx *c, ox_node *n, bool exact)
{
	return may_fold(n, exact) ? fold(c, n) : OX_SAME;
}

ox_status ox_fold_anyway(ox_ctx *c, ox_node *n) { return can_fold(n) ? fold(c, n) : OX_SAME; }

const char *ox_fold_results(ox_ctx *c, ox_node *n, const ox_eval *e)
{
	uint64_t bytes;
	const char *why = problem(c, e, n);

	if (why)
		return why;
	const uint64_t going = bytes_going(c, n);
	if (!result_bytes(e, false, &bytes) || bytes > going + SMALL)
		return too_large;
	const int64_t growth = (int64_t)bytes - (int64_t)(going + node_bytes(n));
	if (growth > ox_not_worth_a_node(c))
		return too_large;
	if (!ox_may_grow(c, growth, false))
		return "folding has made the model larger enough";
	replace(c, n, e);
	return NULL;
}

static ox_status visit(ox_ctx *c, ox_node *n) { return ox_fold_constants(c, n, true); }

const ox_pass ox_pass_fold_constants = {
	.name     = "fold_constants",
	.help     = "evaluate nodes whose inputs are constants, where that is exact",
	.aliases  = "constant_folding ConstantFolding",
	.roots    = NULL,
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
