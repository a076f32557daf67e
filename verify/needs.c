/* needs.c - what may be in an input, read off from what reads it.
 *
 *     ids:int64[2,7] -> Cast -> Sub(.., 1) -> Gather(table[100,8], ..)        ids in 1..100
 *
 * Nodes that move, convert or choose hand on what they read, a constant that is added is taken
 * off again; bodies and functions are looked into. Beside what is accepted, readers know words
 * and numbers of which something hangs: keys of a map, what is compared with.
 */
#include "verify/synth_parts.h"

/* What an op accepts in one of its inputs. */
static const struct { ox_op op; uint8_t slot; use use; } accepts[] = {
	{OX_Log, 0, POSITIVE}, {OX_Sqrt, 0, POSITIVE}, {OX_Pow, 0, POSITIVE}, {OX_Reciprocal, 0, POSITIVE},
	{OX_Acosh, 0, POSITIVE}, {OX_Asin, 0, UNIT}, {OX_Acos, 0, UNIT}, {OX_Atanh, 0, UNIT}, {OX_GridSample, 1, UNIT},
	{OX_Dropout, 1, FRACTION}, {OX_Dropout, 2, FALSE_ONLY}, {OX_Bernoulli, 0, FRACTION}, {OX_Conv, 0, PICTURE},
	{OX_If, 0, FLAG}, {OX_Where, 0, FLAG}, {OX_Compress, 1, FLAG}, {OX_Not, 0, FLAG}, {OX_And, 0, FLAG}, {OX_And, 1, FLAG},
	{OX_Or, 0, FLAG}, {OX_Or, 1, FLAG}, {OX_Xor, 0, FLAG}, {OX_Xor, 1, FLAG},
	{OX_Loop, 0, TRIPS}, {OX_Loop, 1, TRUE_ONLY}, {OX_OneHot, 1, SMALL}, {OX_ConstantOfShape, 0, SMALL},
	{OX_NonMaxSuppression, 2, SMALL}, {OX_NonMaxSuppression, 3, FRACTION}, {OX_NonMaxSuppression, 4, FRACTION},
	{OX_Range, 0, ZEROS}, {OX_Range, 1, SMALL}, {OX_Range, 2, ONES},
	{OX_Tile, 1, REPEATS}, {OX_Pad, 1, BORDER}, {OX_Resize, 2, SCALES}, {OX_Upsample, 1, SCALES},
	{OX_Slice, 1, BORDER}, {OX_Slice, 2, ENDS}, {OX_Slice, 4, ONES}, {OX_Div, 1, NONZERO}, {OX_Mod, 1, NONZERO}, {OX_BitShift, 1, SHIFT},
	{OX_SequenceAt, 1, ZEROS}, {OX_SequenceErase, 1, ZEROS}, {OX_SequenceInsert, 2, ZEROS},
	{OX_DFT, 1, SMALL}, {OX_STFT, 1, SMALL},
};

/* Whose input is a number within fixed bounds. */
static const struct { ox_op op; uint8_t slot; int64_t lo, hi; } ranges[] = {
	{OX_MelWeightMatrix, 0, 4, 8}, {OX_MelWeightMatrix, 1, 16, 16}, {OX_MelWeightMatrix, 2, 8192, 8192},
	{OX_MelWeightMatrix, 3, 0, 0}, {OX_MelWeightMatrix, 4, 4096, 4096},
};

/* Whose input is an index into another, along the axis of attribute `axis`, or a fixed one. */
enum { ATTRIBUTE = -1, LAST = -2 };
static const struct { ox_op op; uint8_t slot, into; int8_t axis; bool backwards; } indexes[] = {
	{OX_Gather, 1, 0, ATTRIBUTE, true}, {OX_GatherElements, 1, 0, ATTRIBUTE, true}, {OX_ScatterElements, 1, 0, ATTRIBUTE, true},
	{OX_Scatter, 1, 0, ATTRIBUTE, true}, {OX_ML_ArrayFeatureExtractor, 1, 0, LAST, false}, {OX_RoiAlign, 2, 0, 0, false},
	{OX_NegativeLogLikelihoodLoss, 1, 0, 1, false}, {OX_SoftmaxCrossEntropyLoss, 1, 0, 1, false},
	{OX_MS_EmbedLayerNormalization, 0, 2, 0, false}, {OX_MS_EmbedLayerNormalization, 1, 4, 0, false},
};

/* Whose input is axes of another. */
static const struct { ox_op op; uint8_t slot, but_last; bool grows; } axes[] = {
	{OX_ReduceSum, 1, 0, false}, {OX_ReduceMean, 1, 0, false}, {OX_ReduceMax, 1, 0, false}, {OX_ReduceMin, 1, 0, false},
	{OX_ReduceProd, 1, 0, false}, {OX_ReduceL1, 1, 0, false}, {OX_ReduceL2, 1, 0, false}, {OX_ReduceLogSum, 1, 0, false},
	{OX_ReduceLogSumExp, 1, 0, false}, {OX_ReduceSumSquare, 1, 0, false}, {OX_CumSum, 1, 0, false}, {OX_CumProd, 1, 0, false},
	{OX_Slice, 3, 0, false}, {OX_Pad, 3, 0, false}, {OX_DFT, 2, 1, false}, {OX_Unsqueeze, 1, 0, true},
};

/* Whose input is the shape of the result, without some dims in front. */
static const struct { ox_op op; uint8_t slot, skip; } shapes[] = {
	{OX_Reshape, 1, 0}, {OX_Expand, 1, 0}, {OX_Resize, 3, 0}, {OX_MaxUnpool, 2, 0}, {OX_Col2Im, 1, 2}, {OX_ConstantOfShape, 0, 0},
};

/* What is put in order: no two elements should be equal. */
static const struct { ox_op op; uint8_t slot; } sorted[] = {
	{OX_TopK, 0}, {OX_ArgMax, 0}, {OX_ArgMin, 0}, {OX_NonMaxSuppression, 1}, {OX_Hardmax, 0}, {OX_MaxPool, 0}, {OX_MaxRoiPool, 0},
};

/* Which keep the order of elements, though not what they are. */
static bool keeps_order(ox_op op)
{
	return op == OX_Sigmoid || op == OX_Tanh || op == OX_Exp || op == OX_Log || op == OX_Softmax || op == OX_LogSoftmax || op == OX_Neg;
}

/* Ops that hand on what is in an input, perhaps converted or moved. */
static bool hands_on(const ox_node *n, uint32_t slot)
{
	const ox_op_row *row = ox_op_row_of(n->op);

	if (n->op == OX_Cast || n->op == OX_CastLike || n->op == OX_Identity || n->op == OX_Dropout)
		return slot == 0;
	if (n->op == OX_Concat || n->op == OX_Max || n->op == OX_Min)
		return true;
	if (n->op == OX_Clip || n->op == OX_Pad || n->op == OX_Optional || n->op == OX_OptionalGetElement)
		return slot == 0;
	if (n->op == OX_Where)
		return slot > 0;
	return row && row->flags & OX_MOVES && slot == 0;
}

static int64_t axis_of(const ox_node *n, const char *name, int rank)
{
	bool known;
	const int64_t axis = ox_attr_int(n, name, 0, &known);

	return axis < 0 ? axis + rank : axis;
}

static ox_dim dim_of(ox_synth *s, const ox_value *v, int64_t axis)
{
	return v && axis >= 0 && axis < ox_rank_known(v) ? ox_dim_known(s->m, v, (uint32_t)axis) : NULL;
}

static const ox_value *in_of(const ox_node *n, uint32_t slot) { return slot < n->nin ? n->in[slot].val : NULL; }

/* ---- what one reader says ------------------------------------------------------------------- */

typedef struct reader {
	ox_synth *s;
	needs *l;
	const ox_node *n;
	uint32_t slot;
	int64_t shift;                /* what is added on the way here */
} reader;

static void add(const reader *r, need x)
{
	x.shift = r->shift;
	*ox_push(r->s->arena, &r->l->list) = x;
}

static void add_index(const reader *r, const ox_value *into, int64_t axis, bool backwards)
{
	const ox_dim d = dim_of(r->s, into, axis);

	add(r, (need){.use = INDEX, .hi = d ? 1 : 0, .bound = d, .backwards = backwards && d});
}

static int64_t axis_into(const reader *r, int8_t axis, const ox_value *into)
{
	const int rank = into ? ox_rank_known(into) : -1;

	return axis == ATTRIBUTE ? axis_of(r->n, "axis", rank) : axis == LAST ? rank - 1 : axis;
}

static void by_tables(const reader *r)
{
	const ox_op op = r->n->op;

	for (size_t i = 0; i < OX_LEN(accepts); i++)
		if (accepts[i].op == op && accepts[i].slot == r->slot)
			add(r, (need){.use = accepts[i].use});
	for (size_t i = 0; i < OX_LEN(ranges); i++)
		if (ranges[i].op == op && ranges[i].slot == r->slot)
			add(r, (need){.use = INDEX, .lo = ranges[i].lo, .hi = ranges[i].hi});
	for (size_t i = 0; i < OX_LEN(indexes); i++)
		if (indexes[i].op == op && indexes[i].slot == r->slot) {
			const ox_value *into = in_of(r->n, indexes[i].into);
			add_index(r, into, axis_into(r, indexes[i].axis, into), indexes[i].backwards);
		}
	for (size_t i = 0; i < OX_LEN(axes); i++)
		if (axes[i].op == op && axes[i].slot == r->slot)
			add(r, (need){.use = AXES, .hi = axes[i].but_last, .of = in_of(r->n, 0), .skip = axes[i].grows});
	for (size_t i = 0; i < OX_LEN(shapes); i++)
		if (shapes[i].op == op && shapes[i].slot == r->slot)
			add(r, (need){.use = LIKE, .of = r->n->out[0], .skip = shapes[i].skip, .lo = op != OX_Reshape});
	for (size_t i = 0; i < OX_LEN(sorted); i++)
		r->l->distinct |= sorted[i].op == op && sorted[i].slot == r->slot;
}

/* GatherND and ScatterND: an index has one number for each leading dim. */
static void tuple_index(const reader *r)
{
	const ox_value *into = in_of(r->n, 0);
	const int rank = into ? ox_rank_known(into) : -1;

	for (int i = 0; i < rank; i++)
		add_index(r, into, i, true);
	if (rank <= 0)
		add_index(r, NULL, 0, false);
}

static void of_one_hot(const reader *r)
{
	int64_t depth;
	size_t k;
	const ox_value *v = in_of(r->n, 1);

	if (!v || !ox_ints_known(r->s->m, v, &depth, 1, &k))
		depth = 2;
	add(r, (need){.use = INDEX, .hi = depth - 1});
}

/* Of sequences that are shorter than the longest. */
static void of_lengths(const reader *r, const char *axis)
{
	bool known;
	const ox_value *x = in_of(r->n, 0);

	if (x && ox_rank_known(x) > 1)
		add(r, (need){.use = LENGTHS, .bound = ox_dim_known(r->s->m, x, ox_attr_int(r->n, axis, 0, &known) == 1)});
}

/* They add up to the dim that is split. */
static void of_parts(const reader *r)
{
	const ox_value *x = in_of(r->n, 0);

	add(r, (need){.use = PARTS, .bound = x ? dim_of(r->s, x, axis_of(r->n, "axis", ox_rank_known(x))) : NULL});
}

static void of_cast(const reader *r)
{
	bool known;
	const int64_t to = ox_attr_int(r->n, "to", 0, &known);

	if (to == OX_BOOL)
		add(r, (need){.use = FLAG});
	if (to == OX_F8E8M0)
		add(r, (need){.use = POSITIVE});
}

/* Where the update is written: it must fit. */
static void of_cache(const reader *r)
{
	const ox_value *past = in_of(r->n, 0), *update = in_of(r->n, 1);
	bool known;
	int64_t axis = ox_attr_int(r->n, "axis", -2, &known);

	axis += axis < 0 && past ? ox_rank_known(past) : 0;
	add(r, (need){.use = INDEX, .hi = 0, .bound = dim_of(r->s, past, axis), .less = dim_of(r->s, update, axis)});
}

/* Weights that come in as inputs: sums of many products stay near 1. */
static void of_weight(const reader *r)
{
	const ox_value *w = in_of(r->n, r->slot);
	const int rank = ox_rank_known(w);
	bool known;

	if (r->slot == 1 && rank >= 2 && (r->n->op == OX_MatMul || r->n->op == OX_Gemm))
		r->l->fan_in = dim_of(r->s, w, rank - (ox_attr_int(r->n, "transB", 0, &known) ? 1 : 2));
}

static void by_op(const reader *r)
{
	const ox_node *n = r->n;

	of_weight(r);
	if ((n->op == OX_GatherND || n->op == OX_ScatterND) && r->slot == 1)
		tuple_index(r);
	if (n->op == OX_OneHot && r->slot == 0)
		of_one_hot(r);
	if ((n->op == OX_RNN || n->op == OX_GRU || n->op == OX_LSTM) && r->slot == 4)
		of_lengths(r, "layout");
	if (n->op == OX_ReverseSequence && r->slot == 1)
		of_lengths(r, "time_axis");
	if (n->op == OX_Cast)
		of_cast(r);
	if (n->op == OX_TensorScatter && r->slot == 2)
		of_cache(r);
	if (n->op == OX_TopK && r->slot == 1 && in_of(n, 0)) {
		const ox_dim d = dim_of(r->s, in_of(n, 0), axis_of(n, "axis", ox_rank_known(in_of(n, 0))));
		add(r, d ? (need){.use = LENGTHS, .bound = d} : (need){.use = SMALL});
	}
	if (n->op == OX_Squeeze && r->slot == 1)
		add(r, (need){.use = DIMS_OF_ONE, .of = in_of(n, 0)});
	if (n->op == OX_Split && r->slot == 1)
		of_parts(r);
	if (n->op == OX_SplitToSequence && r->slot == 1)
		(ox_rank_known(in_of(n, 1)) == 1 ? of_parts(r) : add(r, (need){.use = SMALL}));
	if (n->op == OX_Pow && r->slot == 1)
		add(r, in_of(n, 0) && ox_kind_of(ox_dtype_known(in_of(n, 0))) != OX_FLOATING ? (need){.use = INDEX, .hi = 3}
		                                                                         : (need){.use = EXPONENT});
	if (n->op == OX_AffineGrid && r->slot == 1)
		add(r, (need){.use = BATCH_FIRST, .bound = dim_of(r->s, in_of(n, 0), 0)});
	if (n->op == OX_STFT && r->slot == 3)
		add(r, in_of(n, 2) ? (need){.use = EXACTLY, .bound = dim_of(r->s, in_of(n, 2), 0)} : (need){.use = SMALL});
}

/* ---- what readers know ------------------------------------------------------------------------ */

enum { MAX_KNOWN = 64, MAX_READ = 1 << 20 };

static void know_number(const reader *r, double x)
{
	if (r->l->numbers.n < MAX_KNOWN)
		*ox_push(r->s->arena, &r->l->numbers) = x - (double)r->shift;
}

static void know_word(const reader *r, ox_str x)
{
	if (r->l->words.n < MAX_KNOWN)
		*ox_push(r->s->arena, &r->l->words) = x;
}

/* Of many elements some, from all over. */
static uint64_t stride(uint64_t n) { return n / MAX_KNOWN + 1; }

static void know_tensor(const reader *r, const ox_tensor *t)
{
	ox_eval c = {.m = r->s->m, .arena = r->s->arena, .max_read = MAX_READ};
	ox_array *x = ox_array_of(t, r->s->arena);

	if (!x || !ox_array_read(&c, x))
		return;
	for (uint64_t i = 0; i < x->count; i += stride(x->count))
		if (x->dtype == OX_STRING)
			know_word(r, ((const ox_str *)x->data)[i]);
		else if (ox_kind_of(x->dtype) != OX_NO_NUMBER)
			know_number(r, ox_get_double(x, i));
}

/* Keys of maps, categories, vocabularies, the numbers at which trees part. */
static void by_attributes(const reader *r)
{
	static const char *const keys[] = {
		"keys_strings", "keys_int64s", "keys_floats", "keys_tensor", "cats_strings", "cats_int64s", "string_vocabulary",
		"int64_vocabulary", "pool_strings", "pool_int64s", "stopwords", "nodes_values", "nodes_splits",
	};

	for (size_t k = 0; k < OX_LEN(keys); k++) {
		const ox_attr *a = ox_node_attr(r->n, keys[k]);
		if (!a)
			continue;
		for (size_t i = 0; a->type == OX_A_STRINGS && i < a->n; i += stride(a->n))
			know_word(r, a->strings[i]);
		for (size_t i = 0; a->type == OX_A_INTS && i < a->n; i += stride(a->n))
			know_number(r, (double)a->ints[i]);
		for (size_t i = 0; a->type == OX_A_FLOATS && i < a->n; i += stride(a->n))
			know_number(r, (double)a->floats[i]);
		if (a->type == OX_A_TENSOR && a->t)
			know_tensor(r, a->t);
	}
}

static void by_comparison(const reader *r)
{
	static const ox_op ops[] = {OX_Equal, OX_Less, OX_LessOrEqual, OX_Greater, OX_GreaterOrEqual, OX_Min, OX_Max, OX_Clip};
	bool is_one = false;

	for (size_t i = 0; i < OX_LEN(ops); i++)
		is_one |= ops[i] == r->n->op;
	for (uint32_t i = 0; is_one && i < r->n->nin; i++)
		if (i != r->slot && r->n->in[i].val && ox_value_const(r->n->in[i].val))
			know_tensor(r, ox_value_const(r->n->in[i].val));
}

/* ---- all readers -------------------------------------------------------------------------------- */

/* A value that an input comes to, and what was added on the way. */
typedef struct place { ox_value *v; int64_t shift; bool in_order; } place;
typedef OX_VEC(place) places;

/* The value of a body that has what is read here: inputs of Loop and Scan, of functions. */
static ox_value *inside(const ox_synth *s, const ox_node *n, uint32_t slot)
{
	ox_graph *body;

	/* how often a Loop turns is not what its body counts */
	if ((n->op == OX_Loop ? slot > 0 : n->op == OX_Scan) && ox_node_subgraphs(n, &body, 1) == 1)
		return slot < body->inputs.n ? body->inputs.p[slot].val : NULL;
	for (size_t i = 0; n->op == OX_OP_NONE && i < s->m->functions.n; i++) {
		const ox_function *f = s->m->functions.p[i];
		if (!f->dead && f->name == n->op_type && ox_domain_equal(f->domain, n->domain))
			return slot < f->body->inputs.n ? f->body->inputs.p[slot].val : NULL;
	}
	return NULL;
}

static void reach(ox_synth *s, places *reached, place x, uint32_t stamp)
{
	if (!x.v || x.v->mark == stamp)
		return;
	x.v->mark = stamp;
	*ox_push(s->arena, reached) = x;
}

/* Adds or takes off one integer that is known. */
static bool shifts(const ox_synth *s, const ox_node *n, uint32_t slot, int64_t *by)
{
	size_t k;

	if ((n->op != OX_Add && !(n->op == OX_Sub && slot == 0)) || n->nin != 2 || !n->in[!slot].val)
		return false;
	if (!ox_ints_known(s->m, n->in[!slot].val, by, 1, &k) || k != 1 || *by > INT32_MAX || *by < INT32_MIN)
		return false;
	*by = n->op == OX_Sub ? -*by : *by;
	return true;
}

static void look_on(ox_synth *s, places *reached, const place *at, const ox_use *u, uint32_t stamp)
{
	const ox_node *n = u->node;
	place next = {.shift = at->shift, .in_order = at->in_order};
	int64_t by;

	next.v = inside(s, n, u->index);
	reach(s, reached, next, stamp);
	for (uint32_t o = 0; o < n->nout && hands_on(n, u->index); o++) {
		next.v = n->out[o];
		reach(s, reached, next, stamp);
	}
	if (shifts(s, n, u->index, &by))
		reach(s, reached, (place){n->out[0], at->shift + by, at->in_order}, stamp);
	if (keeps_order(n->op))
		reach(s, reached, (place){n->out[0], 0, true}, stamp);
}

void synth_find_needs(ox_synth *s, needs *l, ox_value *v, uint32_t stamp)
{
	places reached = {0};
	needs other = {0};            /* of what only keeps the order */

	reach(s, &reached, (place){.v = v}, stamp);
	for (size_t i = 0; i < reached.n; i++) {
		const place at = reached.p[i];
		ox_foreach_use(u, at.v) {
			if (u->reader != OX_READ_NODE)
				continue;
			const reader r = {s, at.in_order ? &other : l, u->node, u->index, at.shift};
			by_tables(&r);
			by_op(&r);
			by_attributes(&r);
			by_comparison(&r);
			look_on(s, &reached, &at, u, stamp);
		}
	}
	l->distinct |= other.distinct;
}
