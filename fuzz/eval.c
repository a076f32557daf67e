/* eval.c - fuzz target: bytes -> a node with attributes and inputs -> its kernel.
 *
 *     bytes -> op, opset, types -> shapes -> contents, attributes -> ox_eval_node
 *
 * The bytes choose among what the schema allows most of the time, so that kernels get as far
 * as computing, and what it does not allow now and then. Of what comes out is asked that
 *
 *   - nothing crashes, leaks, runs long or takes much memory, whatever the inputs are;
 *   - inputs stay as they were, and a second call in other memory gives the same bits;
 *   - outputs have the types of the schema, and the shapes and types that inference proves;
 *   - the other two lenses give the same types and shapes, and from tame inputs like values.
 *
 * For libFuzzer it is a target. Otherwise it has a driver of its own, which makes and mutates
 * bytes, runs them in children that may die, and keeps what killed them. See docs/fuzzing.md.
 */
#include "ops/run.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	MOST_IN = 24,
	MOST_OUT = 8,
	MOST_ATTR = 64,
	MOST_ELEMS = 2048,            /* of an input that is read */
	BUDGET_BYTES = 1 << 18,
	BUDGET_OPS = 1 << 20,
	HEAP = 64 << 20,              /* what a call may take all in all */
	WARM = 1 << 18,
};

static const double MOST_SECONDS = 2;

/* Elements of a kind that a fill makes. The last is followed by kinds that are not tame. */
typedef enum fill { SMALL, FRACTION, RISING, SAME, INDEX, TAMEST = INDEX, HOSTILE, RAW, NFILLS } fill;

/* What an input may be: a tensor of elem, or what the text of a type says. */
typedef struct sort {
	ox_dtype elem;
	ox_str text;
} sort;

typedef struct trial {
	const uint8_t *p;             /* bytes left */
	size_t left;
	uint64_t noise;               /* further numbers, begun with bytes */
	ox_heap heap;
	ox_arena arena;
	ox_model *m;
	const ox_op_row *row;
	const ox_schema *schema;      /* NULL: of no version */
	const struct recipe *recipe;  /* NULL: none */
	ox_node *n;
	ox_array *in[MOST_IN];
	bool unread[MOST_IN];         /* to be read by the kernel */
	uint32_t nin, nout;
	int64_t dim[26];              /* of letters in recipes, and for all shapes */
	uint32_t rank;                /* of most inputs */
	int64_t shape[8];
	size_t list;                  /* length of most lists */
	bool tame;                    /* small finite numbers only */
	bool tensors;                 /* all inputs are */
	OX_VEC(void *) blocks;        /* data of inputs, each its own, so that no overrun is missed */
} trial;

/* What became of the last trial. */
static struct outcome {
	ox_op op;
	bool done;
	char why[80];
} outcome;

/* ---- choosing --------------------------------------------------------------------------- */

static unsigned byte(trial *t)
{
	if (!t->left)
		return 0;
	t->left--;
	return *t->p++;
}

static unsigned below(trial *t, size_t n) { return n ? (unsigned)(byte(t) % n) : 0; }

/* One time in n; never when the bytes have ended. */
static bool seldom(trial *t, unsigned n) { return byte(t) % n == n - 1; }

static uint64_t mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t noise(trial *t) { return mix(&t->noise); }

static ox_name *name_of(trial *t, const char *s) { return ox_intern(&t->m->names, s, strlen(s)); }

/* ---- recipes ------------------------------------------------------------------------------ */

/* Shapes that random ones would not hit. Inputs stand apart by spaces: '-' a scalar, '_' an
 * absent one, '*' any, else dims, each a product of numbers and of letters that stand for one
 * number throughout. Attributes likewise, lists by commas. */
typedef struct recipe {
	ox_op op;
	const char *shapes, *attrs;
} recipe;

#define TREE                                                                                   \
	"nodes_treeids=0,0,0,1 nodes_nodeids=0,1,2,0 nodes_featureids=1,0,0,0 "                    \
	"nodes_modes=BRANCH_LEQ,LEAF,LEAF,LEAF nodes_values=0.5,0,0,0 nodes_truenodeids=1,0,0,0 "  \
	"nodes_falsenodeids=2,0,0,0 nodes_missing_value_tracks_true=0,1,0,0 "

static const recipe recipes[] = {
	{OX_TRAINING_Adagrad,          "- - A,B A,B A,B",                       ""},
	{OX_TRAINING_Adam,             "- - A,B A,B A,B A,B",                   ""},
	{OX_TRAINING_Momentum,         "- - A,B A,B A,B",                       "mode=standard"},
	{OX_TRAINING_Momentum,         "- - A C A C A C",                       "mode=nesterov"},
	{OX_Scatter,                   "A,B,C A,B,C A,B,C",                     ""},
	{OX_MS_QLinearConcat,          "- - A,B - - A,B - -",                   ""},
	{OX_Bernoulli,                 "A,B",                                   ""},
	{OX_AffineGrid,                "B,2,3 4",                               ""},
	{OX_AffineGrid,                "B,3,4 5",                               ""},
	{OX_Attention,                 "B,NG,S,D B,N,T,D B,N,T,E S,T B,N,P,D B,N,P,E", ""},
	{OX_Attention,                 "B,NG,S,D B,N,T,D B,N,T,E B,1,S,T",      ""},
	{OX_Attention,                 "B,S,NGD B,T,ND B,T,NE S,T",             "q_num_heads=NG kv_num_heads=N"},
	{OX_AveragePool,               "B,C,P,Q",                               "kernel_shape=K,L"},
	{OX_AveragePool,               "B,C,P",                                 "kernel_shape=K"},
	{OX_BatchNormalization,        "B,C,P,Q C C C C",                       ""},
	{OX_CausalConvWithState,       "B,C,P C,1,K C B,C,L",                   ""},
	{OX_CenterCropPad,             "A,B,C 3",                               ""},
	{OX_Col2Im,                    "B,CK,L 2 2",                            ""},
	{OX_Compress,                  "A,B,C B",                               "axis=1"},
	{OX_Conv,                      "B,GC,P,Q GM,C,K,L GM",                  "group=G"},
	{OX_Conv,                      "B,GC,P GM,C,K",                         "group=G"},
	{OX_Conv,                      "B,GC,P,Q GM,C,K,L",                     "group=G strides=S,T dilations=D,E"},
	{OX_ConvInteger,               "B,GC,P,Q GM,C,K,L - GM",                "group=G"},
	{OX_ConvTranspose,             "B,GC,P,Q GC,M,K,L GM",                  "group=G"},
	{OX_ConvTranspose,             "B,GC,P GC,M,K",                         "group=G strides=S output_padding=D"},
	{OX_CumSum,                    "A,B,C -",                               ""},
	{OX_CumProd,                   "A,B,C -",                               ""},
	{OX_DFT,                       "A,B,2 - -",                             ""},
	{OX_DFT,                       "A,B,1 - -",                             ""},
	{OX_DeformConv,                "B,OC,P,Q M,OC,1,1 B,2O,P,Q M B,O,P,Q",  "offset_group=O"},
	{OX_DepthToSpace,              "B,4C,P,Q",                              "blocksize=2"},
	{OX_DequantizeLinear,          "A,B B B",                               "axis=1"},
	{OX_DequantizeLinear,          "A,2B A,B A,B",                          "axis=1 block_size=2"},
	{OX_Det,                       "B,P,P",                                 ""},
	{OX_Einsum,                    "B,I,J B,J,K",                           "equation=bij,bjk->bik"},
	{OX_Einsum,                    "B,I,J",                                 "equation=bij->bji"},
	{OX_Einsum,                    "A,B,I,J J,K",                           "equation=...ij,jk->...ik"},
	{OX_Einsum,                    "I,I",                                   "equation=ii->i"},
	{OX_GRU,                       "S,B,I 1,3H,I 1,3H,H 1,6H B 1,B,H",      "hidden_size=H"},
	{OX_GRU,                       "S,B,I 2,3H,I 2,3H,H 2,6H B 2,B,H",      "hidden_size=H direction=bidirectional"},
	{OX_Gather,                    "A,B,C D,E",                             ""},
	{OX_GatherElements,            "A,B,C A,B,C",                           ""},
	{OX_GatherND,                  "A,B,C D,2",                             ""},
	{OX_GatherND,                  "A,B,C A,D,1",                           "batch_dims=1"},
	{OX_Gemm,                      "M,K K,N N",                             "transA=0 transB=0"},
	{OX_Gemm,                      "K,M N,K M,1",                           "transA=1 transB=1"},
	{OX_GridSample,                "B,C,P,Q B,R,S,2",                       ""},
	{OX_GridSample,                "B,C,P,Q,R B,S,T,U,3",                   ""},
	{OX_GroupNormalization,        "B,GC,P GC GC",                          "num_groups=G"},
	{OX_GroupNormalization,        "B,GC,P G G",                            "num_groups=G"},
	{OX_InstanceNormalization,     "B,C,P,Q C C",                           ""},
	{OX_LSTM,                      "S,B,I 1,4H,I 1,4H,H 1,8H B 1,B,H 1,B,H 1,3H", "hidden_size=H"},
	{OX_LSTM,                      "S,B,I 2,4H,I 2,4H,H 2,8H _ 2,B,H 2,B,H 2,3H", "hidden_size=H direction=bidirectional"},
	{OX_LayerNormalization,        "B,C,P P P",                             ""},
	{OX_LayerNormalization,        "B,C,P C,P C,P",                         "axis=1"},
	{OX_LinearAttention,           "B,S,GD B,S,GD B,S,GE B,G,D,E B,S,G B,S,G", "q_num_heads=G kv_num_heads=G"},
	{OX_LinearAttention,           "B,S,GND B,S,GD B,S,GE B,G,D,E B,S,GD B,S,1", "q_num_heads=GN kv_num_heads=G"},
	{OX_LpPool,                    "B,C,P,Q",                               "kernel_shape=K,L"},
	{OX_MatMul,                    "B,M,K K,N",                             ""},
	{OX_MatMul,                    "A,1,M,K B,K,N",                         ""},
	{OX_MatMulInteger,             "M,K K,N M N",                           ""},
	{OX_MaxPool,                   "B,C,P,Q",                               "kernel_shape=K,L"},
	{OX_MaxPool,                   "B,C,P",                                 "kernel_shape=K dilations=D"},
	{OX_MaxRoiPool,                "B,C,P,Q R,5",                           "pooled_shape=K,L"},
	{OX_MaxUnpool,                 "B,C,P,Q B,C,P,Q 4",                     "kernel_shape=K,L"},
	{OX_MelWeightMatrix,           "- - - - -",                             ""},
	{OX_NegativeLogLikelihoodLoss, "B,C,P B,P C",                           ""},
	{OX_NonMaxSuppression,         "B,N,4 B,C,N 1 1 1",                     ""},
	{OX_OneHot,                    "A,B 1 2",                               ""},
	{OX_Pad,                       "A,B,C 6 -",                             ""},
	{OX_Pad,                       "A,B,C 2 - 1",                           ""},
	{OX_QLinearConv,               "B,GC,P,Q - - GM,C,K,L - - - - GM",      "group=G"},
	{OX_QLinearConv,               "B,GC,P,Q - - GM,C,K,L GM GM - - GM",    "group=G"},
	{OX_QLinearMatMul,             "M,K - - K,N - - - -",                   ""},
	{OX_QuantizeLinear,            "A,B B B",                               "axis=1"},
	{OX_QuantizeLinear,            "A,2B A,B A,B",                          "axis=1 block_size=2"},
	{OX_RMSNormalization,          "B,C,P P",                               ""},
	{OX_RNN,                       "S,B,I 1,H,I 1,H,H 1,2H B 1,B,H",        "hidden_size=H"},
	{OX_RNN,                       "S,B,I 2,H,I 2,H,H 2,2H B 2,B,H",        "hidden_size=H direction=bidirectional"},
	{OX_Reshape,                   "A,B,C 3",                               ""},
	{OX_Resize,                    "B,C,P,Q _ 4",                           ""},
	{OX_Resize,                    "B,C,P,Q 8 _ 4",                         ""},
	{OX_Resize,                    "P,Q 4 2",                               ""},
	{OX_ReverseSequence,           "A,B,C B",                               ""},
	{OX_RoiAlign,                  "B,C,P,Q R,4 R",                         ""},
	{OX_RotaryEmbedding,           "B,N,S,2D P,D P,D B,S",                  ""},
	{OX_RotaryEmbedding,           "B,S,2ND B,S,D B,S,D",                   "num_heads=N"},
	{OX_STFT,                      "B,P,1 - W -",                           ""},
	{OX_ScatterElements,           "A,B,C A,B,C A,B,C",                     ""},
	{OX_ScatterND,                 "A,B,C D,2 D,C",                         ""},
	{OX_Scan,                      "*",                                     ""},
	{OX_Slice,                     "A,B,C 3 3 3 3",                         ""},
	{OX_Slice,                     "A,B,C 1 1 1 1",                         ""},
	{OX_SoftmaxCrossEntropyLoss,   "B,C,P B,P C",                           ""},
	{OX_SpaceToDepth,              "B,C,2P,2Q",                             "blocksize=2"},
	{OX_TensorScatter,             "B,N,S,D B,N,1,D B",                     ""},
	{OX_Tile,                      "A,B,C 3",                               ""},
	{OX_TopK,                      "A,B 1",                                 ""},
	{OX_Trilu,                     "B,P,Q -",                               ""},
	{OX_Upsample,                  "B,C,P,Q 4",                             ""},
	{OX_MS_Attention,              "B,S,I I,3GH 3GH",                       "num_heads=G"},
	{OX_MS_EmbedLayerNormalization, "B,S B,S I,H S,H D,H H H",              ""},
	{OX_MS_GroupQueryAttention,    "B,S,2GD B,S,GD B,S,GD _ _ B -",         "num_heads=2G kv_num_heads=G"},
	{OX_MS_MatMulNBits,            "B,32 C,2,8 C,2",                        "K=32 N=C bits=4 block_size=16"},
	{OX_MS_MultiHeadAttention,     "B,S,GD B,E,GD B,E,GD",                  "num_heads=G"},
	{OX_MS_RotaryEmbedding,        "B,G,S,2D B,S I,D I,D",                  ""},
	{OX_ML_TreeEnsembleRegressor,  "B,2", TREE "n_targets=2 target_treeids=0,0,1 target_nodeids=1,2,0 "
	                               "target_ids=0,1,0 target_weights=1,0.5,-2"},
	{OX_ML_TreeEnsembleClassifier, "B,2", TREE "class_treeids=0,0,1 class_nodeids=1,2,0 class_ids=0,1,0 "
	                               "class_weights=1,0.5,-2 classlabels_int64s=5,7"},
	{OX_MS_FusedConv,              "B,GC,P,Q GM,C,K,L GM",                  "group=G"},
	{OX_Where,                     "A,1 1,B A,B",                           ""},
};

static const recipe *recipe_of(trial *t)
{
	const recipe *found[8];
	unsigned n = 0;

	for (size_t i = 0; i < OX_LEN(recipes); i++)
		if (recipes[i].op == t->row->op && n < OX_LEN(found))
			found[n++] = &recipes[i];
	const unsigned chosen = below(t, 4 * n);      /* three times in four one of them */
	return n && chosen < 3 * n ? found[chosen % n] : NULL;
}

/* A product of numbers and letters at *s, which ends at the first other character. */
static int64_t product(const trial *t, const char **s)
{
	int64_t v = 1;

	for (char *end;; *s = end) {
		if (**s >= '0' && **s <= '9') {
			v *= strtoll(*s, &end, 10);
		} else if (**s >= 'A' && **s <= 'Z') {
			v *= t->dim[**s - 'A'];
			end = (char *)(uintptr_t)*s + 1;
		} else {
			return v;
		}
	}
}

/* The word of input i; NULL: the recipe does not say. */
static const char *recipe_shape(const trial *t, uint32_t i)
{
	const char *s = t->recipe ? t->recipe->shapes : "";

	for (; i && *s; i--) {
		s += strcspn(s, " ");
		s += *s == ' ';
	}
	return *s && *s != '*' ? s : NULL;
}

static const char *recipe_attr(const trial *t, const char *name)
{
	const size_t n = strlen(name);

	for (const char *s = t->recipe ? t->recipe->attrs : ""; *s; s += *s == ' ') {
		if (!strncmp(s, name, n) && s[n] == '=')
			return s + n + 1;
		s += strcspn(s, " ");
	}
	return NULL;
}

/* ---- contents of tensors ------------------------------------------------------------------- */

static const char *const texts[] = {
	"a", "", "b", "cat", "1", "-2.5e3", "nan", "0x10", "a b  c", ",", "\xc3\xa4\xc3\x96", "\xff\xfe", "www.x.y@z.org",
	"INF", "99999999999999999999", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
};

static ox_str text(trial *t, bool tame)
{
	const uint64_t r = noise(t);

	if (!tame && r % 32 == 0)
		return (ox_str){"a\0b", 3};
	return ox_cstr(texts[(r >> 8) % (tame ? 5 : OX_LEN(texts))]);
}

static double odd_double(uint64_t r)
{
	static const double odd[] = {
		0, -0.0, 1, -1, NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, FLT_MIN, 1e-45, DBL_MAX, 5e-324, 65504, 65520,
		448, 0.5, 1.5, 2.5, 2147483648.0, 9223372036854775808.0, -9223372036854775808.0, 4294967296.0, 1e-10, 127.5,
	};
	return odd[r % OX_LEN(odd)];
}

static uint64_t odd_int(uint64_t r)
{
	static const int64_t odd[] = {
		0, 1, -1, 2, -2, 7, -8, 127, 128, -128, 255, 256, INT16_MAX, INT16_MIN, UINT16_MAX, INT32_MAX, INT32_MIN, UINT32_MAX,
		INT64_MAX, INT64_MIN, INT64_MIN + 1, (int64_t)1 << 32, (int64_t)1 << 62, 3, 64, 63, 1 << 20,
	};
	return (uint64_t)odd[r % OX_LEN(odd)];
}

static double a_double(fill f, uint64_t r, uint64_t i, uint64_t first)
{
	switch (f) {
	case FRACTION:
		return (double)((int)(r % 65) - 32) / 8;
	case RISING:
		return (double)(i % 64) / 4;
	case SAME:
		return (double)(first % 5);
	case HOSTILE:
		return odd_double(r);
	default:
		return (double)((int)(r % 8) - 3);
	}
}

static uint64_t an_int(const trial *t, fill f, uint64_t r, uint64_t i, uint64_t first)
{
	const int64_t d = t->dim[r % OX_LEN(t->dim)];

	switch (f) {
	case FRACTION:
		return r % 3;
	case RISING:
		return i;
	case SAME:
		return first % 5;
	case INDEX:
		return r >> 32 & 7 ? r % 2 : (uint64_t)((int64_t)(r >> 35) % (2 * d + 1) - d);
	case HOSTILE:
		return odd_int(r);
	default:
		return (uint64_t)((int64_t)(r % 8) - 2);
	}
}

/* Of signed types below a byte the other bits do not count; of others they are zero. */
static uint8_t high_bits(ox_dtype elem, fill f, uint8_t bits, uint8_t noise)
{
	const uint8_t low = (uint8_t)((1u << ox_dtype_bits(elem)) - 1);

	return (uint8_t)((bits & low) | (ox_kind_of(elem) == OX_SIGNED && f == HOSTILE ? noise & ~low : 0));
}

static void put(trial *t, ox_array *x, uint64_t i, fill f, uint64_t first)
{
	const uint64_t r = noise(t);
	const bool is_bool = x->dtype == OX_BOOL;
	const size_t w = ox_elem_width(x->dtype);
	uint8_t *p = (uint8_t *)x->data + i * w;

	if (x->dtype == OX_STRING)
		((ox_str *)x->data)[i] = text(t, f <= TAMEST);
	else if (x->dtype == OX_C64)
		memcpy(p, (float[]){(float)a_double(f, r, i, first), (float)(r >> 60)}, w);
	else if (x->dtype == OX_C128)
		memcpy(p, (double[]){a_double(f, r, i, first), (double)(r >> 60)}, w);
	else if (f == RAW || x->dtype == OX_F8E8M0)
		memcpy(p, &r, w);
	else if (ox_kind_of(x->dtype) == OX_FLOATING)
		ox_put_double(x, i, a_double(f, r, i, first));
	else
		ox_put(x, i, (ox_num){.u = an_int(t, f, r, i, first)});
	if (is_bool)
		*p &= 1;
	else if (w == 1 && ox_dtype_bits(x->dtype) < 8)
		*p = high_bits(x->dtype, f, *p, (uint8_t)(r >> 32));
}

/* Data of its own, of exactly that length. */
static void *block(trial *t, size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);

	if (!p)
		abort();
	*ox_push(&t->arena, &t->blocks) = p;
	return p;
}

static void fill_in(trial *t, ox_array *x)
{
	const fill f = (fill)(seldom(t, 4) ? HOSTILE + below(t, 2) : below(t, TAMEST + 1));
	const uint64_t first = byte(t);

	t->noise ^= (uint64_t)byte(t) << 8 | byte(t);
	t->tame &= f <= TAMEST;
	x->data = block(t, (size_t)x->count * ox_elem_width(x->dtype));
	for (uint64_t i = 0; i < x->count; i++)
		put(t, x, i, f, first);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static int64_t a_dim(trial *t)
{
	static const uint8_t dims[] = {2, 1, 3, 2, 4, 1, 2, 5, 3, 7, 8, 2, 1, 9, 16, 0};

	return dims[below(t, OX_LEN(dims))];
}

static int64_t a_large_dim(trial *t)
{
	static const int64_t dims[] = {
		1 << 10, 1 << 20, (int64_t)1 << 31, ((int64_t)1 << 32) + 1, (int64_t)1 << 62, INT64_MAX, 65537, 0, 1, 0,
	};
	return dims[below(t, OX_LEN(dims))];
}

/* The shape that a word of a recipe says. */
static uint32_t shape_of(const trial *t, const char *s, int64_t *dims)
{
	uint32_t rank = 0;

	if (*s == '-')
		return 0;
	for (;; s++) {
		dims[rank++] = product(t, &s);
		if (*s != ',' || rank == 8)
			return rank;
	}
}

/* Like those of the other inputs, in one way or another. */
static uint32_t related_shape(trial *t, int64_t *dims)
{
	uint32_t rank = t->rank, cut;

	memcpy(dims, t->shape, sizeof t->shape);
	switch (below(t, 12)) {
	case 0:                       /* the end of it */
		cut = below(t, rank + 1);
		memmove(dims, dims + cut, (rank - cut) * sizeof *dims);
		return rank - cut;
	case 1:                       /* one axis of it */
		dims[0] = rank ? dims[below(t, rank)] : 1;
		return 1;
	case 2:
		return 0;
	case 3:                       /* as many as axes: axes, pads, repeats */
		dims[0] = rank;
		return 1;
	case 4:
		dims[0] = t->dim[below(t, OX_LEN(t->dim))];
		return 1;
	case 5:                       /* ones in it */
		for (uint32_t i = 0; i < rank; i++)
			dims[i] = byte(t) & 1 ? 1 : dims[i];
		return rank;
	case 6:                       /* its end in another order */
		if (rank > 1) {
			dims[rank - 1] = t->shape[rank - 2];
			dims[rank - 2] = t->shape[rank - 1];
		}
		return rank;
	case 7:                       /* another */
		rank = below(t, 6);
		for (uint32_t i = 0; i < rank; i++)
			dims[i] = t->dim[below(t, OX_LEN(t->dim))];
		return rank;
	default:
		return rank;
	}
}

static uint64_t count_of(uint32_t rank, const int64_t *dims)
{
	const ox_tensor x = {.rank = rank, .dims = dims};
	uint64_t n;

	return ox_tensor_count(&x, &n) ? n : UINT64_MAX;
}

/* ---- inputs -------------------------------------------------------------------------------------- */

static ox_array *tensor(trial *t, ox_dtype elem, uint32_t rank, const int64_t *dims)
{
	ox_array *x = ox_new(&t->arena, ox_array);
	int64_t *copy = ox_new_array(&t->arena, int64_t, rank + 1);

	memcpy(copy, dims, rank * sizeof *dims);
	*x = (ox_array){.dtype = elem, .rank = rank, .dims = copy, .count = count_of(rank, dims),
	                .kind = OX_T_TENSOR};
	if (!ox_elem_width(elem) || x->count == UINT64_MAX || (x->count > MOST_ELEMS && elem == OX_STRING))
		return NULL;
	if (x->count <= MOST_ELEMS) {
		fill_in(t, x);
		return x;
	}
	/* So large that it must not be read, and takes no room. */
	uint64_t one[2] = {noise(t), noise(t)};
	if (elem == OX_BOOL)
		one[0] &= 0x01010101;
	x->from = ox_tensor_splat(t->m, elem, rank, copy, one);
	t->tame = false;
	return x;
}

static ox_array *any_tensor(trial *t, ox_dtype elem)
{
	int64_t dims[64];
	uint32_t rank = related_shape(t, dims);

	if (seldom(t, 64) && rank)
		dims[below(t, rank)] = a_large_dim(t);
	if (seldom(t, 255))
		for (rank = OX_MAX_RANK - below(t, 4), t->dim[0] = 1; rank && t->dim[0]; t->dim[0] = 0)
			for (uint32_t i = 0; i < rank; i++)
				dims[i] = i + 3 < rank ? 1 : 2;
	return tensor(t, elem, rank, dims);
}

static ox_dtype elem_named(const char *s) { return ox_dtype_parse(s, strcspn(s, "),")); }

/* What a map(string,float) holds, of which *s is behind the bracket. */
static bool fill_map(trial *t, const char *s, ox_array *x)
{
	const int64_t entries = below(t, 5);
	ox_array **both = x->data = block(t, 2 * sizeof *both);

	x->count = 2;
	x->dtype = elem_named(s);
	both[0] = tensor(t, x->dtype, 1, &entries);
	both[1] = tensor(t, elem_named(s + strcspn(s, ",") + 1), 1, &entries);
	return both[0] && both[1];
}

static ox_array *of_type(trial *t, const char *s, int depth);

/* Items of the type s. */
static bool fill_items(trial *t, const char *s, ox_array *x, int depth)
{
	const char *elem = strstr(s, "tensor(");
	ox_array **items = x->data = block(t, (size_t)x->count * sizeof *items);

	x->dtype = elem ? elem_named(elem + 7) : OX_UNDEFINED;
	for (uint64_t i = 0; i < x->count; i++) {
		items[i] = of_type(t, s, depth + 1);
		if (!items[i] || items[i]->from)
			return false;
	}
	return true;
}

/* The array that a type says, such as seq(map(string,float)). NULL: of elements not known to us. */
static ox_array *of_type(trial *t, const char *s, int depth)
{
	ox_array *x = ox_new(&t->arena, ox_array);

	if (!strncmp(s, "tensor(", 7))
		return elem_named(s + 7) ? any_tensor(t, elem_named(s + 7)) : NULL;
	if (depth == 4)
		return NULL;
	if (!strncmp(s, "map(", 4)) {
		x->kind = OX_T_MAP;
		return fill_map(t, s + 4, x) ? x : NULL;
	}
	const bool is_seq = !strncmp(s, "seq(", 4);
	x->kind = is_seq ? OX_T_SEQUENCE : OX_T_OPTIONAL;
	x->count = is_seq ? below(t, 4) : below(t, 5) > 0;
	if (!is_seq && strncmp(s, "optional(", 9))
		return NULL;
	return fill_items(t, s + strcspn(s, "(") + 1, x, depth) ? x : NULL;
}

static const ox_schema_type *constraint(const ox_schema *s, const char *var)
{
	for (unsigned i = 0; i < s->ntypes; i++)
		if (!strcmp(s->types[i].var, var))
			return &s->types[i];
	return NULL;
}

static const ox_schema_param *param(const ox_schema *s, uint32_t i)
{
	return i < s->nin ? &s->in[i] : s->nin ? &s->in[s->nin - 1] : NULL;
}

static ox_str word(const char **s)
{
	const char *begin = *s;
	int depth = 0;

	for (; **s && (**s != ' ' || depth); ++*s)
		depth += (**s == '(') - (**s == ')');
	const ox_str w = {begin, (size_t)(*s - begin)};
	*s += **s == ' ';
	return w;
}

/* One of the types that p may have. */
static sort a_sort(trial *t, const ox_schema_param *p)
{
	const ox_schema_type *c = constraint(t->schema, p->type);
	unsigned n = 0, others = 0;

	if (!c && !strncmp(p->type, "tensor(", 7))
		return (sort){.elem = ox_dtype_parse(p->type + 7, strcspn(p->type + 7, ")"))};
	if (!c)
		return (sort){.text = ox_cstr(p->type)};
	if (c->tensor >> OX_F32 & 1 && below(t, 3) == 0)
		return (sort){.elem = OX_F32};
	for (const char *s = c->others ? c->others : ""; *s; others++)
		word(&s);
	for (unsigned i = 0; i < OX_NDTYPES; i++)      /* beyond are those not known to us */
		n += c->tensor >> i & 1;
	unsigned k = below(t, n + (others < n || !n ? others : n));
	for (unsigned i = 0; i < OX_NDTYPES; i++)
		if (c->tensor >> i & 1 && k-- == 0)
			return (sort){.elem = (ox_dtype)i};
	const char *s = c->others ? c->others : "";
	sort found = {.elem = OX_F32};
	for (unsigned i = others ? (unsigned)((k + noise(t)) % others) + 1 : 0; i; i--)
		found = (sort){.text = word(&s)};
	return found;
}

/* The type of an input before i that has to be the same; else of its own. */
static sort sort_of(trial *t, sort *sorts, uint32_t i)
{
	const ox_schema_param *p = param(t->schema, i);

	if (seldom(t, 64))
		return (sort){.elem = (ox_dtype)(1 + below(t, OX_NDTYPES - 1))};
	for (uint32_t k = 0; k < i; k++) {
		const ox_schema_param *q = param(t->schema, k);
		if (!strcmp(q->type, p->type) && (p != q || p->homogeneous) && (sorts[k].elem || sorts[k].text.n))
			return sorts[k];
	}
	return a_sort(t, p);
}

static ox_array *an_input(trial *t, sort s, uint32_t i)
{
	const char *said = recipe_shape(t, i);
	int64_t dims[8];

	if (said && *said == '_')
		return NULL;
	if (!s.elem)
		return of_type(t, ox_str_copy(&t->arena, s.text).p, 0);
	return said && !seldom(t, 32) ? tensor(t, s.elem, shape_of(t, said, dims), dims) : any_tensor(t, s.elem);
}

static uint32_t how_many(trial *t, unsigned least, unsigned most, unsigned cap)
{
	if (seldom(t, 64))
		return below(t, cap + 1);
	most = most > least + 4 && most > 20 ? least + 4 : most;
	return least + (most > least ? below(t, most - least + 1) : 0);
}

static void make_inputs(trial *t)
{
	sort sorts[MOST_IN] = {{0}};
	const ox_schema *s = t->schema;

	t->nin = how_many(t, s->min_in, s->max_in, MOST_IN);
	t->tensors = true;
	for (uint32_t i = 0; i < t->nin; i++) {
		const ox_schema_param *p = param(s, i);
		if (!p || (p->kind == OX_P_OPTIONAL && byte(t) % 4 == 3) || seldom(t, 255))
			continue;
		sorts[i] = sort_of(t, sorts, i);
		t->in[i] = an_input(t, sorts[i], i);
		t->unread[i] = byte(t) & 1;
		t->tensors &= !t->in[i] || ox_is_tensor(t->in[i]);
	}
}

/* ---- attributes ------------------------------------------------------------------------------------- */

/* What strings mean something, by the name of the attribute. */
static const struct { const char *name, *values; } words[] = {
	{"activations",      "Relu Tanh Sigmoid Affine LeakyRelu ThresholdedRelu ScaledTanh HardSigmoid Elu Softsign Softplus x"},
	{"aggregate_function", "SUM AVERAGE MIN MAX"},
	{"approximate",      "none tanh"},
	{"auto_pad",         "NOTSET SAME_UPPER SAME_LOWER VALID"},
	{"case_change_action", "LOWER UPPER NONE"},
	{"cast_to",          "TO_FLOAT TO_STRING TO_INT64"},
	{"coordinate_transformation_mode", "half_pixel half_pixel_symmetric pytorch_half_pixel align_corners asymmetric "
	                     "tf_half_pixel_for_nn tf_crop_and_resize output_half_pixel"},
	{"direction",        "forward reverse bidirectional LEFT RIGHT"},
	{"equation",         "ij,jk->ik ii->i ii i,i ij->ji ...ij,...jk->...ik ij-> i,j->ij bij,bjk ... -> ij,k..->x i->ii"},
	{"kernel_type",      "LINEAR POLY RBF SIGMOID"},
	{"keep_aspect_ratio_policy", "stretch not_larger not_smaller"},
	{"map_form",         "DENSE SPARSE"},
	{"mode",             "constant reflect edge wrap linear nearest cubic bilinear bicubic DCR CRD avg max output_half_pixel"},
	{"nearest_mode",     "round_prefer_floor round_prefer_ceil floor ceil"},
	{"nodes_modes",      "LEAF BRANCH_LEQ BRANCH_LT BRANCH_GTE BRANCH_GT BRANCH_EQ BRANCH_NEQ"},
	{"norm",             "MAX L1 L2"},
	{"padding_mode",     "zeros border reflection"},
	{"pattern",          ".* a+ (a|b)*c [a-c]{1,3} ( ^$ (a*)*b \\d+"},
	{"pixel_format",     "RGB BGR Grayscale"},
	{"post_transform",   "NONE SOFTMAX LOGISTIC SOFTMAX_ZERO PROBIT"},
	{"reduction",        "none add mul min max mean sum"},
	{"round_mode",       "up down nearest"},
	{"tokenexp",         "[a-z]+ . a* ( \\w"},
};

static ox_str a_string(trial *t, const char *name)
{
	t->noise ^= byte(t);
	for (size_t i = 0; i < OX_LEN(words); i++) {
		if (strcmp(words[i].name, name) || seldom(t, 32))
			continue;
		unsigned n = 0;
		ox_str w = OX_ABSENT;
		for (const char *s = words[i].values; *s; n++)
			word(&s);
		const char *s = words[i].values;
		for (unsigned k = below(t, n) + 1; k; k--)
			w = word(&s);
		return ox_str_copy(&t->arena, w);
	}
	return text(t, !seldom(t, 4));
}

static int64_t an_integer(trial *t, const char *name)
{
	static const int8_t usual[] = {1, 0, 2, 1, -1, 3, 0, 1, 2, 1, 4, -2, 5, 0};

	if (seldom(t, 32))
		return (int64_t)odd_int(byte(t));
	if (strstr(name, "dtype") || !strcmp(name, "to"))
		return below(t, OX_NDTYPES + 1);
	if (seldom(t, 8))
		return t->dim[below(t, OX_LEN(t->dim))];
	return usual[below(t, OX_LEN(usual))];
}

static float a_float(trial *t)
{
	return seldom(t, 16) ? (float)odd_double(byte(t)) : (float)((int)below(t, 33) - 8) / 8;
}

static size_t length(trial *t, const char *name)
{
	const size_t spatial = t->rank > 2 ? t->rank - 2 : 1;

	if (seldom(t, 16))
		return below(t, 12);
	if (!strcmp(name, "pads"))
		return 2 * (byte(t) % 4 == 3 ? t->rank : spatial);
	if (!strcmp(name, "perm"))
		return t->rank;
	if (strstr(name, "stride") || strstr(name, "dilation") || strstr(name, "shape") || !strcmp(name, "output_padding"))
		return spatial;
	return byte(t) % 4 == 3 ? t->rank : t->list;
}

/* Integers that go with shapes: a permutation, pads; else whatever. */
static void integers(trial *t, const char *name, int64_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = strcmp(name, "perm") ? an_integer(t, name) : (int64_t)i;
	if (strstr(name, "treeids") || strstr(name, "nodeids"))
		for (size_t i = 0; i < n; i++)
			p[i] = strstr(name, "tree") ? 0 : (int64_t)i;
	for (size_t i = n; !strcmp(name, "perm") && i-- > 1;) {
		const size_t k = below(t, i + 1);
		const int64_t x = p[i];
		p[i] = p[k];
		p[k] = x;
	}
}

static const ox_type *a_type(trial *t)
{
	const ox_type *x = ox_type_unshaped(t->m, (ox_dtype)below(t, OX_NDTYPES));

	return byte(t) & 1 ? ox_type_holding(t->m, OX_T_SEQUENCE, x) : x;
}

static uint32_t words_in(const char *s)
{
	uint32_t n = 1;

	for (; *s && *s != ' '; s++)
		n += *s == ',';
	return n;
}

/* Now and then one of them is another. */
static void said_list(trial *t, ox_attr *a, const char *s, const char *name)
{
	ox_arena *m = &t->m->arena;

	a->n = words_in(s);
	a->ints = NULL;
	if (a->type == OX_A_FLOATS)
		a->floats = ox_new_array(m, float, a->n);
	else if (a->type == OX_A_STRINGS)
		a->strings = ox_new_array(m, ox_str, a->n);
	else
		a->ints = ox_new_array(m, int64_t, a->n);
	for (size_t i = 0; i < a->n; i++, s += strcspn(s, ", "), s += *s == ',') {
		const bool other = seldom(t, 64);
		const char *end = s;
		if (a->type == OX_A_FLOATS)
			a->floats[i] = other ? a_float(t) : strtof(s, NULL);
		else if (a->type == OX_A_STRINGS)
			a->strings[i] = other ? a_string(t, name) : (ox_str){s, strcspn(s, ", ")};
		else
			a->ints[i] = other ? an_integer(t, name) : product(t, &end);
	}
}

static void said(trial *t, ox_attr *a, const char *s, const char *name)
{
	if (a->type == OX_A_INT)
		a->i = product(t, &s);
	else if (a->type == OX_A_STRING)
		a->s = (ox_str){s, strcspn(s, " ")};
	else
		said_list(t, a, s, name);
}

/* A tensor for an attribute. */
static ox_tensor *a_constant(trial *t)
{
	const bool one = !seldom(t, 8);
	const int64_t dims[] = {byte(t) & 1 ? 1 : (int64_t)t->list};
	ox_array *x = tensor(t, (ox_dtype)(1 + below(t, OX_NDTYPES - 1)), one || seldom(t, 4) ? 1 : 0, dims);

	return ox_array_tensor(t->m, x);
}

static void payload(trial *t, ox_attr *a, const char *name)
{
	a->n = a->type >= OX_A_FLOATS && a->type <= OX_A_STRINGS ? length(t, name) : 0;
	switch (a->type) {
	case OX_A_FLOAT:
		a->f = a_float(t);
		break;
	case OX_A_INT:
		a->i = an_integer(t, name);
		break;
	case OX_A_STRING:
		a->s = a_string(t, name);
		break;
	case OX_A_TENSOR:
		a->t = a_constant(t);
		break;
	case OX_A_TYPE:
		a->tp = a_type(t);
		break;
	case OX_A_FLOATS:
		a->floats = ox_new_array(&t->m->arena, float, a->n);
		for (size_t i = 0; i < a->n; i++)
			a->floats[i] = a_float(t);
		break;
	case OX_A_STRINGS:
		a->strings = ox_new_array(&t->m->arena, ox_str, a->n);
		for (size_t i = 0; i < a->n; i++)
			a->strings[i] = a_string(t, name);
		break;
	default:
		a->type = OX_A_INTS;
		a->n = length(t, name);
		a->ints = ox_new_array(&t->m->arena, int64_t, a->n);
		integers(t, name, a->ints, a->n);
	}
}

static bool is_possible(ox_attr_type type)
{
	return type != OX_A_GRAPH && type != OX_A_GRAPHS && type != OX_A_SPARSE && type != OX_A_SPARSES
	       && type != OX_A_TENSORS && type != OX_A_TYPES && type != OX_A_UNDEFINED;
}

static uint32_t make_attributes(trial *t, ox_attr *out)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < t->schema->nattr && n < MOST_ATTR; i++) {
		const ox_schema_attr *s = &t->schema->attr[i];
		const char *r = recipe_attr(t, s->name);
		if (!is_possible(s->type) || (r ? seldom(t, 32) : s->required ? seldom(t, 64) : byte(t) % 5 < 3))
			continue;
		ox_attr *a = &out[n++];
		*a = (ox_attr){.name = name_of(t, s->name), .type = s->type, .has_type = true, .has_payload = true};
		if (r) {
			said(t, a, r, s->name);
			continue;
		}
		if (seldom(t, 128))
			a->type = (ox_attr_type)(1 + below(t, OX_A_STRINGS));
		payload(t, a, s->name);
	}
	return n;
}

/* ---- the node ------------------------------------------------------------------------------------------ */

/* Ops that run graphs need a run. */
static bool is_tried(ox_op op)
{
	return ox_eval_has_kernel(op) && !(ox_op_row_of(op)->flags & OX_SUBGRAPH);
}

static const ox_op_row *a_row(trial *t)
{
	unsigned op = byte(t) << 8;

	op = (op | byte(t)) % OX_NOPS;
	while (!is_tried((ox_op)op))
		op = (op + 1) % OX_NOPS;
	return ox_op_row_of((ox_op)op);
}

static int64_t a_version(trial *t)
{
	unsigned n = 0;

	while (t->row->since[n])
		n++;
	const unsigned k = byte(t);
	return k < 128 ? t->row->since[n - 1] : t->row->since[k % n];
}

/* Inputs that are tensors become initializers, for inference and for who reads the report. */
static void link_node(trial *t, const ox_attr *attrs, uint32_t nattr)
{
	static ox_diag diag;
	ox_model *m = t->m;
	char name[8];

	t->n = ox_node_append(m->graph, *t->row->domain ? name_of(t, t->row->domain) : NULL,
	                      name_of(t, t->row->name), NULL, t->nin, t->nout, nattr);
	memcpy(t->n->attr, attrs, nattr * sizeof *attrs);
	for (uint32_t i = 0; i < t->nin; i++) {
		ox_array *x = t->in[i];
		snprintf(name, sizeof name, "%c", 'a' + (int)i);
		t->n->in[i].unlinked = x ? name_of(t, name) : m->empty;
		if (!x)
			continue;
		if (ox_is_tensor(x))
			ox_graph_add_init(m->graph, name_of(t, name),
			                  x->from ? (ox_tensor *)(uintptr_t)x->from : ox_array_tensor(m, x));
		else
			ox_graph_add_input(m->graph, name_of(t, name), NULL);
	}
	for (uint32_t i = 0; i < t->nout; i++) {
		snprintf(name, sizeof name, "y%d", (int)i);
		if (!i || !seldom(t, 16))
			ox_node_set_out(t->n, i, ox_value_new(m->graph, name_of(t, name), OX_HOME_NODE));
		if (t->n->out[i])
			ox_graph_add_output(m->graph, t->n->out[i]->name, NULL);
	}
	if (!ox_model_link(m, NULL, &diag))
		abort();
}

static void make(trial *t, const uint8_t *p, size_t n)
{
	ox_attr attrs[MOST_ATTR];

	t->p = p;
	t->left = n;
	t->tame = true;
	ox_arena_init(&t->arena, &t->heap);
	t->m = ox_model_new(&t->heap);
	t->m->graph = ox_graph_new(t->m, NULL);
	t->m->graph->name = name_of(t, "g");
	t->m->ir_version = 13;
	t->m->has_ir_version = true;
	t->row = a_row(t);
	const int64_t version = a_version(t);
	*ox_push(&t->m->arena, &t->m->opsets) = (ox_opset){
		.domain = name_of(t, t->row->domain), .version = version, .has_version = true};
	t->schema = ox_schema_find(t->row->op, version);
	if (!t->schema)
		abort();
	for (size_t i = 0; i < OX_LEN(t->dim); i++)
		t->dim[i] = i < 10 ? a_dim(t) : t->dim[i % 7];
	t->rank = below(t, 6);
	for (uint32_t i = 0; i < OX_LEN(t->shape); i++)
		t->shape[i] = t->dim[i];
	t->list = below(t, 7);
	t->recipe = recipe_of(t);
	make_inputs(t);
	const uint32_t nattr = make_attributes(t, attrs);
	t->nout = how_many(t, t->schema->min_out, t->schema->max_out, MOST_OUT);
	link_node(t, attrs, nattr);
}

static void forget(trial *t)
{
	for (size_t i = 0; i < t->blocks.n; i++)
		free(t->blocks.p[i]);
	ox_arena_free(&t->arena);
	ox_model_free(t->m);
	if (t->heap.used)
		abort();
}

/* ---- reports --------------------------------------------------------------------------------------------- */

static void show_array(FILE *f, const ox_array *x, int depth)
{
	fprintf(f, "%s%s[", x->kind == OX_T_SEQUENCE ? "seq " : x->kind == OX_T_OPTIONAL ? "optional "
	                    : x->kind == OX_T_MAP ? "map " : "", ox_dtype_name(x->dtype));
	for (uint32_t i = 0; i < x->rank; i++)
		fprintf(f, "%s%lld", i ? "," : "", (long long)x->dims[i]);
	fputs("] {", f);
	for (uint64_t i = 0; x->data && i < x->count && i < 40; i++) {
		fputs(i ? ", " : "", f);
		if (!ox_is_tensor(x) && depth < 4)
			show_array(f, ox_items(x)[i], depth + 1);
		else if (x->dtype == OX_STRING)
			fprintf(f, "\"%.*s\"", OX_FMT(((const ox_str *)x->data)[i]));
		else if (ox_kind_of(x->dtype) == OX_FLOATING)
			fprintf(f, "%.9g", ox_get_double(x, i));
		else
			fprintf(f, "%lld", (long long)ox_get_int(x, i));
	}
	fputs(x->data ? x->count > 40 ? ", ...}" : "}" : "not read}", f);
}

static void show_trial(FILE *f, const trial *t)
{
	const ox_print_options o = {.max_elements = 200};

	ox_print(f, t->m, &o);
	for (uint32_t i = 0; i < t->nin; i++) {
		if (!t->in[i])
			continue;
		fprintf(f, "# %c%s: ", 'a' + (int)i, t->unread[i] ? ", to be read" : "");
		show_array(f, t->in[i], 0);
		fputc('\n', f);
	}
}

static void show_results(FILE *f, const ox_eval *e, const char *which)
{
	for (uint32_t o = 0; o < e->n->nout; o++) {
		if (!e->out[o] || !e->n->out[o])
			continue;
		fprintf(f, "# %s y%d: ", which, (int)o);
		show_array(f, e->out[o], 0);
		fputc('\n', f);
	}
	if (e->why)
		fprintf(f, "# %s: %s\n", which, e->why);
}

static _Noreturn void wrong(const trial *t, const ox_eval *a, const ox_eval *b, const char *what)
{
	fprintf(stderr, "fuzz: %s-%d: %s\n", t->row->name, t->schema->since, what);
	show_trial(stderr, t);
	if (a)
		show_results(stderr, a, "first");
	if (b)
		show_results(stderr, b, "second");
	abort();
}

/* ---- calls ------------------------------------------------------------------------------------------------- */

/* Where calls work. Kept warm, and full of old bytes. */
static struct desk {
	ox_heap heap;
	ox_arena arena;
	bool ready;
} desks[2];

static void clear_desk(struct desk *d, int garbage)
{
	const size_t used = d->arena.used < WARM ? d->arena.used : WARM;

	if (!d->ready) {
		d->heap.limit = HEAP;
		ox_arena_init(&d->arena, &d->heap);
		d->ready = true;
	}
	ox_arena_reset(&d->arena);
	memset(ox_alloc_raw(&d->arena, used ? used : 1), garbage, used ? used : 1);
	ox_arena_reset(&d->arena);
}

static bool is_narrow(ox_dtype t) { return t == OX_F32 || t == OX_F16 || t == OX_BF16; }

/* What the double lens gets to see. */
static ox_array *widened(ox_arena *a, const ox_array *x)
{
	ox_array *y = ox_new(a, ox_array);

	*y = *x;
	if (!ox_is_tensor(x)) {
		ox_array **items = y->data = ox_new_array(a, ox_array *, (size_t)x->count + 1);
		for (uint64_t i = 0; i < x->count; i++)
			items[i] = widened(a, ox_items(x)[i]);
		y->dtype = is_narrow(x->dtype) ? OX_F64 : x->dtype;
	} else if (is_narrow(x->dtype)) {
		y->dtype = OX_F64;
		y->data = ox_alloc_raw(a, (size_t)x->count * sizeof(double) + 1);
		for (uint64_t i = 0; i < x->count; i++)
			((double *)y->data)[i] = ox_get_double(x, i);
	}
	return y;
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static ox_array *given(const trial *t, uint32_t i, ox_lens lens, ox_arena *a)
{
	ox_array *x = t->in[i];

	if (!x || x->from)
		return x ? ox_array_of(x->from, a) : NULL;
	if (lens == OX_LENS_DOUBLE)
		return widened(a, x);
	if (ox_is_tensor(x) && t->unread[i])
		return ox_array_of(ox_value_const(t->n->in[i].val), a);
	ox_array *copy = ox_new(a, ox_array);
	*copy = *x;
	return copy;
}

static bool call(const trial *t, struct desk *d, ox_lens lens, ox_eval *e)
{
	jmp_buf escape;
	const double begin = cpu_seconds();

	/* The double lens has twice the bytes. */
	const unsigned wide = lens == OX_LENS_DOUBLE ? 8 : 1;
	*e = (ox_eval){.m = t->m, .n = t->n, .arena = &d->arena, .max_bytes = BUDGET_BYTES * wide,
	               .max_read = BUDGET_BYTES * wide, .max_ops = BUDGET_OPS, .lens = lens};
	d->heap.escape = &escape;
	if (setjmp(escape))
		wrong(t, NULL, NULL, "takes more memory than its budget is for");
	e->in = ox_new_array(&d->arena, ox_array *, t->nin + 1);
	for (uint32_t i = 0; i < t->nin; i++)
		e->in[i] = given(t, i, lens, &d->arena);
	const bool done = ox_eval_node(e);
	if (cpu_seconds() - begin > MOST_SECONDS)
		wrong(t, NULL, NULL, "runs longer than its budget is for");
	if (!done && !e->why)
		wrong(t, NULL, NULL, "has no result, and no reason for it");
	return done;
}

/* ---- what must hold ------------------------------------------------------------------------------------------ */

static bool same_shape(const ox_array *a, const ox_array *b)
{
	return a->rank == b->rank && a->count == b->count && ox_is_tensor(a) == ox_is_tensor(b)
	       && (ox_is_tensor(a) || a->kind == b->kind)
	       && (!a->rank || !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims));
}

static bool same_data(const ox_array *a, const ox_array *b)
{
	if (ox_kind_of(a->dtype) == OX_SIGNED && ox_dtype_bits(a->dtype) < 8) {
		for (uint64_t i = 0; i < a->count; i++)
			if (ox_get_int(a, i) != ox_get_int(b, i))
				return false;
		return true;
	}
	if (a->dtype != OX_STRING)
		return !memcmp(a->data, b->data, (size_t)a->count * ox_elem_width(a->dtype));
	for (uint64_t i = 0; i < a->count; i++)
		if (!ox_str_eq(((const ox_str *)a->data)[i], ((const ox_str *)b->data)[i]))
			return false;
	return true;
}

static bool same(const ox_array *a, const ox_array *b, int depth)
{
	if (!same_shape(a, b) || a->dtype != b->dtype)
		return false;
	if (ox_is_tensor(a))
		return !a->count || (a->data && b->data ? same_data(a, b) : a->data == b->data);
	for (uint64_t i = 0; i < a->count && depth < 6; i++)
		if (!same(ox_items(a)[i], ox_items(b)[i], depth + 1))
			return false;
	return true;
}

static void must_repeat(const trial *t, const ox_eval *a, const ox_eval *b, bool done, bool again)
{
	if (done != again || (!done && strcmp(a->why, b->why)))
		wrong(t, a, b, "is refused the second time for another reason");
	for (uint32_t o = 0; done && o < t->nout; o++)
		if (t->n->out[o] && !same(a->out[o], b->out[o], 0))
			wrong(t, a, b, "gives another result the second time");
}

/* Contents of t->in[i] as initializer: what they were before the calls. */
static void must_keep_inputs(const trial *t, const ox_eval *e)
{
	for (uint32_t i = 0; i < t->nin; i++) {
		const ox_array *x = t->in[i];
		if (!x || x->from || !ox_is_tensor(x) || x->dtype == OX_STRING || ox_dtype_bits(x->dtype) < 8)
			continue;
		const ox_tensor *was = ox_value_const(t->n->in[i].val);
		if (was->source == OX_SRC_BYTES && was->nbytes && memcmp(was->bytes, x->data, was->nbytes))
			wrong(t, e, NULL, "changes an input");
	}
}

/* The element type of output o by its schema; OX_UNDEFINED: several, or no tensor. */
static bool type_is_right(const trial *t, uint32_t o, const ox_array *x)
{
	const ox_schema *s = t->schema;
	const ox_schema_param *p = &s->out[o < s->nout ? o : s->nout - 1u];
	const ox_schema_type *c = constraint(s, p->type);

	if (!ox_is_tensor(x))
		return true;
	if (!c)
		return strncmp(p->type, "tensor(", 7)
		       || ox_dtype_parse(p->type + 7, strcspn(p->type + 7, ")")) == x->dtype;
	if (!(c->tensor >> x->dtype & 1))
		return false;
	for (uint32_t i = 0; i < t->nin; i++) {
		const ox_schema_param *q = param(s, i);
		if (t->in[i] && !strcmp(q->type, p->type) && q->homogeneous && t->in[i]->dtype != x->dtype)
			return false;
	}
	return true;
}

static bool data_is_right(const ox_array *x)
{
	uint64_t n = 1;

	for (uint32_t i = 0; i < x->rank; i++)
		if (x->dims[i] < 0)
			return false;
	if (!ox_is_tensor(x)) {
		for (uint64_t i = 0; i < x->count; i++)
			if (!ox_items(x)[i])
				return false;
		return true;
	}
	n = count_of(x->rank, x->dims);
	if (n != x->count || !ox_elem_width(x->dtype) || (n && !x->data))
		return false;
	for (uint64_t i = 0; x->dtype == OX_BOOL && i < n; i++)
		if (((const uint8_t *)x->data)[i] > 1)
			return false;
	return true;
}

static void must_fit_schema(const trial *t, const ox_eval *e)
{
	for (uint32_t o = 0; o < t->nout; o++) {
		if (!t->n->out[o])
			continue;
		if (!data_is_right(e->out[o]))
			wrong(t, e, NULL, "gives a result that is none");
		if (!type_is_right(t, o, e->out[o]))
			wrong(t, e, NULL, "gives a type that its schema does not");
	}
}

static bool is_inferred(ox_model *m, const ox_value *v, const ox_array *x)
{
	const ox_dtype elem = ox_dtype_known(v);
	const int rank = ox_rank_known(v);

	if ((elem && elem != x->dtype) || (rank >= 0 && rank != (int)x->rank))
		return false;
	for (uint32_t i = 0; rank >= 0 && i < x->rank; i++) {
		const ox_dim d = ox_dim_known(m, v, i);
		if (ox_dim_is_num(d) && d->num != x->dims[i])
			return false;
	}
	return true;
}

static void must_fit_inference(const trial *t, const ox_eval *e)
{
	const ox_infer_options o = {.max_elems = 0};
	ox_inference *s = ox_inference_new(t->m, &o);

	ox_infer_all(s);
	for (uint32_t i = 0; i < t->nout; i++)
		if (t->n->out[i] && ox_is_tensor(e->out[i]) && !is_inferred(t->m, t->n->out[i], e->out[i]))
			wrong(t, e, NULL, "gives another type or shape than inference");
	ox_inference_free(s);
}

/* ---- as a model ----------------------------------------------------------------------------------------------------- */

static void set_inputs(const trial *t, ox_run *r)
{
	const ox_graph *g = t->m->graph;

	for (uint32_t i = 0; i < t->nin; i++)
		for (uint32_t k = 0; t->in[i] && k < g->inputs.n; k++)
			if (g->inputs.p[k].val == t->n->in[i].val)
				ox_run_set(r, k, t->in[i]);
}

/* A run has memory of its own, and may share it. Only there random operators draw. */
static void must_run_alike(const trial *t, const ox_eval *a, bool done)
{
	const ox_run_config o = {.max_bytes = 1 << 24, .max_ops = BUDGET_OPS, .random = true, .seed = 7};
	ox_run *r = ox_run_new(t->m, &o);

	set_inputs(t, r);
	ox_run_go(r);
	for (uint32_t i = 0, k = 0; i < t->nout; i++) {
		if (!t->n->out[i])
			continue;
		const ox_array *x = ox_run_output(r, k++);
		if (done && !x)
			wrong(t, a, NULL, "has no result in a run");
		if (done && !same(a->out[i], x, 0))
			wrong(t, a, NULL, "gives another result in a run");
		outcome.done |= x != NULL;
	}
	ox_run_free(r);
}

/* ---- through other lenses --------------------------------------------------------------------------------------- */

/* How far rounding may lead: of numbers about as large as the largest. */
static double slack(ox_dtype declared)
{
	return declared == OX_BF16 ? 0.1 : declared == OX_F16 ? 0.02 : declared == OX_F64 ? 1e-9 : 1e-4;
}

static double largest(const ox_array *x)
{
	double most = 1;

	for (uint64_t i = 0; i < x->count; i++) {
		const double v = fabs(ox_get_double(x, i));
		most = isfinite(v) && v > most ? v : most;
	}
	return most;
}

static bool is_close(const ox_array *a, const ox_array *b, double factor)
{
	const double most = slack(a->dtype) * factor * largest(a);

	for (uint64_t i = 0; i < a->count; i++) {
		const double x = ox_get_double(a, i), y = ox_get_double(b, i);
		if (isfinite(x) ? !(fabs(x - y) <= most) : isnan(x) != isnan(y))
			return false;
	}
	return true;
}

/* Here a difference in the last bit may become one in the first: what lies halfway is rounded. */
static bool may_jump(ox_op op) { return op == OX_MS_DynamicQuantizeMatMul; }

/* What a fast form makes of one element must not turn NaN into a number, or the other way round,
 * whatever the numbers are; unless they overflow, which narrower arithmetic does earlier. */
static bool nans_are_alike(const ox_array *a, const ox_array *b)
{
	for (uint64_t i = 0; i < a->count; i++) {
		const double x = ox_get_double(a, i), y = ox_get_double(b, i);
		if (isnan(x) != isnan(y) && !isinf(x) && !isinf(y) && fabs(x) < 1e30 && fabs(y) < 1e30)
			return false;
	}
	return true;
}

static void must_agree(const trial *t, const ox_eval *a, const ox_eval *b)
{
	const bool is_double = b->lens == OX_LENS_DOUBLE;

	for (uint32_t o = 0; o < t->nout; o++) {
		const ox_array *x = a->out[o], *y = b->out[o];
		if (!t->n->out[o] || !ox_is_tensor(x))
			continue;
		const ox_dtype expected = is_double && is_narrow(x->dtype) ? OX_F64 : x->dtype;
		if (!same_shape(x, y) || y->dtype != expected)
			wrong(t, a, b, is_double ? "has another shape or type in the double lens"
			                         : "has another shape or type in the native lens");
		if (t->tame && !may_jump(t->row->op) && is_narrow(x->dtype) && !is_close(x, y, is_double ? 1 : 10))
			wrong(t, a, b, is_double ? "is far off in the double lens" : "is far off in the native lens");
		if (!is_double && t->row->flags & OX_ELEMWISE && x->dtype == OX_F32 && !nans_are_alike(x, y))
			wrong(t, a, b, "is NaN in one lens and not in the other");
	}
}

/* Shapes that depend on values may differ where values may. */
static bool shape_is_open(ox_op op)
{
	return op == OX_NonZero || op == OX_Unique || op == OX_Compress || op == OX_NonMaxSuppression;
}

static void look_through(const trial *t, ox_lens lens, const ox_eval *a)
{
	ox_eval b;

	clear_desk(&desks[1], 0x77);
	if (call(t, &desks[1], lens, &b)) {
		if (!shape_is_open(t->row->op))
			must_agree(t, a, &b);
	} else if (t->tame) {
		wrong(t, a, &b, lens == OX_LENS_DOUBLE ? "has no result in the double lens" : "has no result in the native lens");
	}
}

/* ---- one trial ------------------------------------------------------------------------------------------------------ */

static bool loud;                     /* tell what is tried */

static void try_bytes(const uint8_t *p, size_t n)
{
	trial t = {0};
	ox_eval a, b;

	make(&t, p, n);
	outcome = (struct outcome){.op = t.row->op};
	if (loud)
		show_trial(stdout, &t);
	fflush(stdout);
	clear_desk(&desks[0], 0x11);
	const bool done = outcome.done = call(&t, &desks[0], OX_LENS_EXACT, &a);
	snprintf(outcome.why, sizeof outcome.why, "%s", a.why ? a.why : "");
	if (loud)
		show_results(stdout, &a, "exact");
	clear_desk(&desks[1], 0xee);
	must_repeat(&t, &a, &b, done, call(&t, &desks[1], OX_LENS_EXACT, &b));
	must_run_alike(&t, &a, done);
	must_keep_inputs(&t, &a);
	if (done) {
		must_fit_schema(&t, &a);
		look_through(&t, OX_LENS_NATIVE, &a);
		look_through(&t, OX_LENS_DOUBLE, &a);
		if (t.tensors)
			must_fit_inference(&t, &a);
	}
	forget(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	try_bytes(p, n);
	return 0;
}

/* ---- driver of its own ------------------------------------------------------------------------------------------------- */

#ifndef OX_LIBFUZZER

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MOST_BYTES = 1024,
	KEPT = 8,                     /* per op: bytes that gave a result, to be mutated */
	MOST_WORKERS = 16,
	STRIKES = 3,                  /* an op that has killed so many is left out */
	PATIENCE = 60,                /* seconds without a trial ended */
};

/* Shared with the children. */
typedef struct board {
	volatile uint64_t trials[OX_NOPS], results[OX_NOPS];
	volatile unsigned killed[OX_NOPS];
	char why[OX_NOPS][80];        /* the last reason for no result, of some worker */
	struct {
		volatile uint64_t count;
		volatile uint32_t n, op;
		uint8_t bytes[MOST_BYTES];
	} worker[MOST_WORKERS];
} board;

static struct {
	double seconds;
	uint64_t runs, seed;
	unsigned jobs;
	ox_op op;                     /* only this; OX_OP_NONE: all */
	const char *out;              /* folder for what kills */
	bool table;
} options = {.seconds = 60, .seed = 1, .jobs = 1, .out = "build/fuzz"};

static board *shared;

typedef struct kept {
	uint32_t n;
	uint8_t bytes[MOST_BYTES];
} kept;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static ox_op op_of_bytes(const uint8_t *p, size_t n)
{
	trial t = {.p = p, .left = n};

	return a_row(&t)->op;
}

static void set_op(uint8_t *p, ox_op op)
{
	p[0] = (uint8_t)(op >> 8);
	p[1] = (uint8_t)op;
}

static ox_op any_op(uint64_t *seed)
{
	for (;;) {
		const ox_op op = options.op ? options.op : (ox_op)(mix(seed) % OX_NOPS);
		if (is_tried(op) && shared->killed[op] < STRIKES)
			return op;
	}
}

/* New bytes, or old ones with a few changes. */
static uint32_t next_bytes(uint64_t *seed, kept *pool, uint8_t *p)
{
	const ox_op op = any_op(seed);
	const kept *old = &pool[op * KEPT + mix(seed) % KEPT];
	uint32_t n = 64 + (uint32_t)(mix(seed) % (MOST_BYTES - 64));

	if (!old->n || mix(seed) % 2) {
		for (uint32_t i = 0; i < n; i++)
			p[i] = (uint8_t)mix(seed);
	} else {
		n = old->n;
		memcpy(p, old->bytes, n);
		for (uint64_t k = 1 + mix(seed) % 6; k; k--)
			p[2 + mix(seed) % (mix(seed) % 2 ? 120 : n - 2)] = (uint8_t)mix(seed);
	}
	set_op(p, op);
	return n;
}

static void work(unsigned w, unsigned life)
{
	uint64_t seed = options.seed * 1000003 + w * 10007 + life;
	kept *pool = calloc(OX_NOPS * KEPT, sizeof *pool);
	const double end = now() + options.seconds;

	if (!pool)
		abort();
	while (options.runs ? shared->worker[w].count < options.runs : now() < end) {
		const uint32_t n = next_bytes(&seed, pool, shared->worker[w].bytes);
		shared->worker[w].n = n;
		shared->worker[w].op = op_of_bytes(shared->worker[w].bytes, n);
		try_bytes(shared->worker[w].bytes, n);
		__atomic_add_fetch(&shared->trials[outcome.op], 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&shared->results[outcome.op], outcome.done, __ATOMIC_RELAXED);
		shared->worker[w].count++;
		if (!outcome.done)
			memcpy(shared->why[outcome.op], outcome.why, sizeof outcome.why);
		if (outcome.done) {
			kept *k = &pool[outcome.op * KEPT + mix(&seed) % KEPT];
			k->n = n;
			memcpy(k->bytes, shared->worker[w].bytes, n);
		}
	}
	for (unsigned i = 0; i < OX_LEN(desks); i++)
		ox_arena_free(&desks[i].arena);
	free(pool);
}

static void log_name(char *s, size_t n, unsigned w) { snprintf(s, n, "%s/worker-%u.log", options.out, w); }

static pid_t begin(unsigned w, unsigned life)
{
	char name[4096];

	log_name(name, sizeof name, w);
	const pid_t pid = fork();
	if (pid)
		return pid;
	const int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0666);
	if (fd < 0 || dup2(fd, 2) < 0)
		_exit(9);
	work(w, life);
	exit(0);                      /* with the search for leaks, if there is one */
}

static void show_line(const char *name)
{
	static const char *const telling[] = {"fuzz: ", "runtime error:", "ERROR: ", "ssertion", "out of memory"};
	char line[2000];
	FILE *f = fopen(name, "r");

	while (f && fgets(line, sizeof line, f))
		for (size_t i = 0; i < OX_LEN(telling); i++)
			if (strstr(line, telling[i])) {
				printf("    %s", line);
				fclose(f);
				return;
			}
	if (f)
		fclose(f);
}

/* Keeps what killed worker w: FOLDER/Op-hash, and its last words beside it. */
static void bury(unsigned w, const char *how)
{
	char log[4096], name[4096], to[4200];
	const uint32_t n = shared->worker[w].n;
	const ox_op_row *row = ox_op_row_of((ox_op)shared->worker[w].op);

	log_name(log, sizeof log, w);
	snprintf(name, sizeof name, "%s/%s-%08x", options.out, row ? row->name : "none",
	         (unsigned)ox_hash(shared->worker[w].bytes, n, 0));
	snprintf(to, sizeof to, "%s.log", name);
	FILE *f = fopen(name, "wb");
	if (!f || fwrite(shared->worker[w].bytes, 1, n, f) != n || fclose(f) || rename(log, to))
		printf("fuzz: %s: %s\n", name, strerror(errno));
	printf("%s: %s\n", name, how);
	show_line(to);
	fflush(stdout);
	shared->killed[shared->worker[w].op]++;
}

static unsigned drive(void)
{
	pid_t pid[MOST_WORKERS] = {0};
	uint64_t seen[MOST_WORKERS] = {0};
	double since[MOST_WORKERS];
	unsigned life[MOST_WORKERS] = {0}, running = options.jobs, deaths = 0;
	const double end = now() + options.seconds;

	for (unsigned w = 0; w < options.jobs; w++) {
		pid[w] = begin(w, life[w]);
		since[w] = now();
	}
	while (running) {
		usleep(20000);
		for (unsigned w = 0; w < options.jobs; w++) {
			int status;
			if (!pid[w])
				continue;
			if (seen[w] != shared->worker[w].count) {
				seen[w] = shared->worker[w].count;
				since[w] = now();
			}
			const bool stuck = now() - since[w] > PATIENCE;
			if (stuck)
				kill(pid[w], SIGKILL);
			if (waitpid(pid[w], &status, stuck ? 0 : WNOHANG) != pid[w])
				continue;
			pid[w] = 0;
			const bool well = WIFEXITED(status) && !WEXITSTATUS(status);
			if (!well) {
				deaths++;
				bury(w, stuck ? "does not end" : WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit");
			}
			if (!well && (options.runs ? shared->worker[w].count++ < options.runs : now() < end)) {
				options.seconds = end - now();
				pid[w] = begin(w, ++life[w]);
				since[w] = now();
			} else {
				running--;
			}
		}
	}
	return deaths;
}

static void show_row(ox_op op)
{
	const double share = 100.0 * (double)shared->results[op] / (double)shared->trials[op];

	printf("%-28s %8llu trials, %8llu results (%.0f %%)%s%s%.79s\n", ox_op_row_of(op)->name,
	       (unsigned long long)shared->trials[op], (unsigned long long)shared->results[op], share,
	       shared->killed[op] >= STRIKES ? ", given up" : "", share < 50 ? ", else " : "",
	       share < 50 ? shared->why[op] : "");
}

static void report(unsigned deaths, double seconds)
{
	uint64_t trials = 0, results = 0;
	unsigned ops = 0, dry = 0;

	for (unsigned op = 0; op < OX_NOPS; op++) {
		trials += shared->trials[op];
		results += shared->results[op];
		ops += shared->trials[op] > 0;
		dry += shared->trials[op] > 0 && !shared->results[op];
		if (options.table && shared->trials[op])
			show_row((ox_op)op);
	}
	printf("%llu trials of %u operators in %.0f s, seed %llu: %llu with a result (%.0f %%), %u operators never; %u found\n",
	       (unsigned long long)trials, ops, seconds, (unsigned long long)options.seed, (unsigned long long)results,
	       trials ? 100.0 * (double)results / (double)trials : 0, dry, deaths);
}

static int replay(int n, char **names)
{
	for (int i = 0; i < n; i++) {
		uint8_t bytes[1 << 16];
		FILE *f = fopen(names[i], "rb");
		if (!f) {
			fprintf(stderr, "%s: %s\n", names[i], strerror(errno));
			return 2;
		}
		const size_t len = fread(bytes, 1, sizeof bytes, f);
		fclose(f);
		printf("# %s\n", names[i]);
		fflush(stdout);
		loud = true;
		try_bytes(bytes, len);
	}
	return 0;
}

static ox_op op_named(const char *name)
{
	for (unsigned op = 1; op < OX_NOPS; op++)
		if (!strcmp(ox_op_row_of((ox_op)op)->name, name) && ox_eval_has_kernel((ox_op)op))
			return (ox_op)op;
	fprintf(stderr, "no kernel: %s\n", name);
	exit(2);
}

static const char usage[] =
	"eval FILES...              try what they hold, and tell it\n"
	"eval [--seconds N | --runs N] [--seed N] [--op NAME] [--jobs N] [--out FOLDER] [--table]\n"
	"                           random bytes; what kills is kept in FOLDER (build/fuzz); exit 1 if any\n";

static bool option(const char *name, const char *value)
{
	if (!strcmp(name, "--seconds"))
		options.seconds = atof(value);
	else if (!strcmp(name, "--runs"))
		options.runs = strtoull(value, NULL, 10);
	else if (!strcmp(name, "--seed"))
		options.seed = strtoull(value, NULL, 10);
	else if (!strcmp(name, "--jobs"))
		options.jobs = (unsigned)atoi(value);
	else if (!strcmp(name, "--op"))
		options.op = op_named(value);
	else if (!strcmp(name, "--out"))
		options.out = value;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	int i = 1;

	while (i < argc && !strncmp(argv[i], "--", 2)) {
		const bool alone = !strcmp(argv[i], "--table");
		options.table |= alone;
		if (!alone && (i + 1 >= argc || !option(argv[i], argv[i + 1]))) {
			fputs(usage, stderr);
			return 2;
		}
		i += alone ? 1 : 2;
	}
	if (i < argc)
		return replay(argc - i, argv + i);
	if (options.jobs < 1 || options.jobs > MOST_WORKERS) {
		fputs(usage, stderr);
		return 2;
	}
	mkdir(options.out, 0777);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	const double start = now();
	fflush(stdout);
	const unsigned deaths = drive();
	report(deaths, now() - start);
	munmap(shared, sizeof *shared);
	return deaths > 0;
}

#endif
