/* fold_constants - what follows from constants alone is a constant.
 *
 *     Add({1, 2}, {3, 4}) -> y        =>        y = {4, 6}
 *
 * Any operator that is deterministic and has a kernel (ops/eval.h), everywhere: in subgraphs,
 * where constants of the graphs around count, and in functions. This pass folds what is
 * exact: movement of data, integers, comparisons, casts, and + - * / sqrt of floats, which
 * IEEE 754 defines to the last bit. fold_constants_rounding does the rest.
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
	MUCH = 64 << 20,              /* bytes read, or made, for one node */
};

static const char too_large[] = "the result is larger than the constants it would replace";

/* ---- which ops -------------------------------------------------------------- */

enum { ROUNDS, EXACT, EXACT_OF_INTS, EXACT_UNSUMMED, NEVER };

/* Beside those that only move data, which are exact. */
static const uint8_t classes[OX_NOPS] = {
	[OX_Abs] = EXACT, [OX_Add] = EXACT, [OX_And] = EXACT, [OX_ArgMax] = EXACT,
	[OX_ArgMin] = EXACT, [OX_BitShift] = EXACT, [OX_BitwiseAnd] = EXACT,
	[OX_BitwiseNot] = EXACT, [OX_BitwiseOr] = EXACT, [OX_BitwiseXor] = EXACT,
	[OX_Cast] = EXACT, [OX_CastLike] = EXACT, [OX_Ceil] = EXACT, [OX_Clip] = EXACT,
	[OX_ConstantOfShape] = EXACT, [OX_Div] = EXACT, [OX_Equal] = EXACT, [OX_EyeLike] = EXACT,
	[OX_Floor] = EXACT, [OX_Greater] = EXACT, [OX_GreaterOrEqual] = EXACT,
	[OX_IsInf] = EXACT, [OX_IsNaN] = EXACT, [OX_Less] = EXACT, [OX_LessOrEqual] = EXACT,
	[OX_MatMulInteger] = EXACT, [OX_Max] = EXACT, [OX_Min] = EXACT, [OX_Mod] = EXACT, [OX_Mul] = EXACT, [OX_Neg] = EXACT,
	[OX_NonMaxSuppression] = EXACT, [OX_NonZero] = EXACT, [OX_Not] = EXACT, [OX_OneHot] = EXACT, [OX_Or] = EXACT,
	[OX_ReduceMax] = EXACT, [OX_ReduceMin] = EXACT, [OX_Reciprocal] = EXACT,
	[OX_RegexFullMatch] = EXACT, [OX_Relu] = EXACT, [OX_Round] = EXACT, [OX_Sign] = EXACT, [OX_Sqrt] = EXACT,
	[OX_Sub] = EXACT, [OX_TopK] = EXACT, [OX_Unique] = EXACT, [OX_Where] = EXACT,
	[OX_Xor] = EXACT,

	[OX_ConvInteger] = EXACT, [OX_GlobalMaxPool] = EXACT, [OX_MaxPool] = EXACT, [OX_MaxUnpool] = EXACT,

	[OX_Col2Im] = EXACT_OF_INTS, [OX_CumProd] = EXACT_OF_INTS, [OX_CumSum] = EXACT_OF_INTS, [OX_Gemm] = EXACT_OF_INTS,
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

/* Ops that round but take no function of the C library, whose last bit may differ between
 * machines: others give no float64. */
static bool is_fixed(ox_op op)
{
	switch (op) {
	case OX_AveragePool:
	case OX_Col2Im: case OX_Conv: case OX_ConvTranspose: case OX_DeformConv:
	case OX_GlobalAveragePool:
	case OX_MaxRoiPool: case OX_RoiAlign:
	case OX_BatchNormalization:
	case OX_CumProd: case OX_CumSum: case OX_Gemm:
	case OX_GroupNormalization: case OX_InstanceNormalization: case OX_LayerNormalization:
	case OX_LeakyRelu:
	case OX_LpNormalization:
	case OX_MatMul:
	case OX_Mean:
	case OX_MeanVarianceNormalization: case OX_NegativeLogLikelihoodLoss:
	case OX_PRelu: case OX_RMSNormalization: case OX_Range: case OX_ReduceL1: case OX_ReduceL2:
	case OX_ReduceMean: case OX_ReduceProd: case OX_ReduceSum: case OX_ReduceSumSquare:
	case OX_ScatterElements: case OX_ScatterND: case OX_Sum:
	case OX_TRAINING_Adagrad: case OX_TRAINING_Momentum:
		return true;
	default:
		return false;
	}
}

static bool of_ints(const ox_node *n)
{
	const ox_tensor *t = ox_value_const(n->in[0].val);

	return t && (ox_kind_of(t->dtype) == OX_SIGNED || ox_kind_of(t->dtype) == OX_UNSIGNED);
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

static bool inputs_are_constants(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nin; i++) {
		const ox_tensor *t = ox_value_const(n->in[i].val);
		if (n->in[i].val && (!t || t->dtype >= OX_NDTYPES))
			return false;
	}
	return n->nin > 0 && n->in[0].val;
}

static bool is_read(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] && n->out[i]->uses)
			return true;
	return false;
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

static bool may_fold(const ox_node *n, bool exact)
{
	const ox_op_row *row = ox_op_row_of(n->op);

	return row && row->flags & OX_PURE && inputs_are_constants(n) && ox_eval_has_kernel(n->op)
	       && classes[n->op] != NEVER && is_exact(n, row) == exact && is_read(n)
	       && !calls_function(n->graph->model, n);
}

/* ---- what goes ---------------------------------------------------------------- */

/* Does v go with n, being read by n alone? */
static bool goes_with(const ox_ctx *c, const ox_value *v, const ox_node *n)
{
	if (v->is_input || ox_value_is_output(v) || ox_is_kept(c, v))
		return false;
	ox_foreach_use(u, v)
		if (u->reader != OX_READ_NODE || u->node != n)
			return false;
	return true;
}

/* In our file, at least: integers in int64_data take a byte each or more. */
static uint64_t stored_bytes(const ox_tensor *t)
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

static uint64_t bytes_going(const ox_ctx *c, const ox_node *n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n->nin; i++)
		if (is_first_input(n, i) && goes_with(c, n->in[i].val, n))
			sum += stored_bytes(n->in[i].val->tensor);
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
static int64_t little(ox_ctx *c)
{
	const uint64_t n = ox_run_bytes(c) >> 14;
	int64_t step = 64;

	while (step < SMALL && (uint64_t)step * 2 <= n)
		step *= 2;
	return step;
}

static bool is_evaluated(const ox_node *n)
{
	const ox_op_row *row = ox_op_row_of(n->op);

	return row && row->flags & OX_PURE && classes[n->op] != NEVER && ox_eval_has_kernel(n->op);
}

/* Does v follow from constants? In *left steps, or it is not seen. */
static bool will_be_constant(const ox_value *v, unsigned *left)
{
	if (!v || ox_value_const(v))
		return true;
	if (!v->def || !*left || !is_evaluated(v->def))
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
			if (u->reader != OX_READ_NODE || !is_evaluated(u->node))
				return false;
			for (uint32_t i = 0; i < u->node->nin; i++)
				if (!will_be_constant(u->node->in[i].val, &left))
					return false;
		}
	}
	return true;
}

/* Data that stays in another file would move into the model. */
static bool is_elsewhere(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nin; i++) {
		const ox_tensor *t = ox_value_const(n->in[i].val);
		if (t && t->source == OX_SRC_EXTERNAL && t->nbytes > SMALL)
			return true;
	}
	return false;
}

/* ---- results --------------------------------------------------------------------- */

/* Small integers take fewer bytes as varints than as eight each. */
static void store_small(ox_tensor *t)
{
	uint64_t n, size = 0, bits;

	if (t->dtype != OX_I64 || !ox_tensor_count(t, &n) || n > SMALL)
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

/* NULL, or why the results will not do. *bytes: of those that are read. */
static const char *problem(ox_ctx *c, const ox_eval *e, const ox_node *n, bool exact, uint64_t *bytes)
{
	*bytes = 0;
	if (e->overflows)
		return "a finite number would become infinite";
	if (e->disputed)
		return e->disputed;
	for (uint32_t i = 0; i < n->nout; i++) {
		const ox_array *x = e->out[i];
		uint64_t size;
		if (!n->out[i] || !n->out[i]->uses)
			continue;
		if (!ox_is_tensor(x) || !ox_kind_of(x->dtype))
			return "the result is neither numbers nor booleans";
		if (x->dtype == OX_F64 && !exact && !is_fixed(n->op))
			return "its float64 may differ between machines";
		if (!agrees(c, n->out[i], x))
			return "inference expects another type or shape";
		if (!ox_dtype_bytes(x->dtype, x->count, &size) || !ox_add_u64(*bytes, size, bytes))
			return too_large;
	}
	return NULL;
}

static void replace(ox_ctx *c, ox_node *n, const ox_eval *e)
{
	ox_value **results = ox_new_array(c->scratch, ox_value *, n->nout);
	ox_value **going = ox_new_array(c->scratch, ox_value *, n->nin);

	for (uint32_t i = 0; i < n->nin; i++)
		if (is_first_input(n, i) && goes_with(c, n->in[i].val, n))
			going[i] = n->in[i].val;
	const uint32_t nin = n->nin;
	for (uint32_t i = 0; i < n->nout; i++) {
		if (!n->out[i] || !n->out[i]->uses)
			continue;
		ox_tensor *t = ox_array_tensor(c->m, e->out[i]);
		store_small(t);
		results[i] = ox_const_for(n->out[i], t);
	}
	ox_node_give_way(c, n, results);
	for (uint32_t i = 0; i < nin; i++)
		if (going[i])
			ox_value_kill(going[i]);
}

ox_status ox_fold_constants(ox_ctx *c, ox_node *n, bool exact)
{
	uint64_t bytes;

	if (!may_fold(n, exact))
		return OX_SAME;
	if (ox_makes_kept(c, n))
		return ox_skip(c, n, "the result is to be kept");
	/* models of optimizers import their own domain alone */
	if (!ox_opset_of(n->graph, NULL))
		return ox_skip(c, n, "ai.onnx, which has Constant, is not imported");
	if (is_elsewhere(n))
		return ox_skip(c, n, "its data lies in another file");
	const uint64_t going = bytes_going(c, n), most = going + SMALL;
	/* results that nobody reads are computed too, and two bits take a byte */
	ox_eval e = {.m = c->m, .n = n, .arena = c->scratch, .max_read = MUCH, .max_ops = 4 * (uint64_t)MUCH,
	             .max_bytes = most < MUCH / 8 ? 8 * most : MUCH};
	e.in = ox_new_array(c->scratch, ox_array *, n->nin);
	for (uint32_t i = 0; i < n->nin; i++) {
		if (!n->in[i].val)
			continue;
		e.in[i] = ox_array_of(ox_value_const(n->in[i].val), c->scratch);
		if (!e.in[i])
			return ox_skip(c, n, "a constant cannot be read");
	}
	if (!ox_eval_node(&e))
		return ox_skip(c, n, e.why);
	const char *why = problem(c, &e, n, exact, &bytes);
	if (why)
		return ox_skip(c, n, why);
	const int64_t growth = (int64_t)bytes - (int64_t)(going + node_bytes(n));
	const bool grows = growth > little(c);
	if (bytes > most || (grows && !readers_will_fold(n)))
		return ox_skip(c, n, too_large);
	if (!ox_may_grow(c, growth, grows))
		return ox_skip(c, n, "folding has made the model larger enough");
	replace(c, n, &e);
	return OX_CHANGED;
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
