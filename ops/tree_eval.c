/* tree_eval.c - ensembles of decision trees: TreeEnsemble, and the TreeEnsembleRegressor and
 * TreeEnsembleClassifier that it took the place of.
 *
 *     node: x[feature] <= split ?      yes -> node or leaf      leaf: weights for some targets
 *                                      no  -> node or leaf
 *
 * The ids come from the model: every one is looked up, and what goes round in a circle is found
 * before a sample walks it. Two nodes may lead to the same one.
 */
#include "ops/lookup.h"
#include "ops/ml.h"
#include "ops/quant.h"

#include <math.h>
#include <stdlib.h>

/* As TreeEnsemble numbers them. */
typedef enum { LEQ, LT, GTE, GT, EQ, NEQ, MEMBER, LEAF } mode;
typedef enum { AVERAGE, SUM, MIN, MAX } aggregate;

typedef struct node {
	mode mode;
	bool missing;                 /* NaN goes the way of yes */
	uint64_t feature;
	double split;
	size_t yes, no;
	size_t from, to;              /* LEAF: votes. MEMBER: members, in order */
} node;

typedef struct vote {
	size_t target;
	double weight;
} vote;

typedef struct ensemble {
	ox_samples s;
	node *nodes;
	size_t n, nroots;
	size_t *roots;
	vote *votes;
	double *members;
	uint64_t walk;                /* steps of one sample through all trees, at most */
	size_t targets;
	aggregate aggregate;
	double *base;                 /* targets of them; NULL: 0 */
	ox_transform transform;
	double *scores;               /* of one sample */
	bool *voted;
} ensemble;

/* ---- reading ----------------------------------------------------------------------------- */

/* A list of n; NULL after ox_eval_undefined. */
static const ox_array *list_of(ox_eval *c, const char *const *names, uint64_t n, bool is_float)
{
	const ox_array *x = ox_ml_first_list(c, names);
	const ox_kind kind = x ? ox_kind_of(x->dtype) : OX_NO_NUMBER;

	if (!c->why && (!x || x->count != n || (is_float ? kind != OX_FLOATING : kind != OX_SIGNED && kind != OX_UNSIGNED)))
		ox_eval_undefined(c, "the lists of nodes or leaves do not fit each other");
	return c->why ? NULL : x;
}

static const ox_array *ints_of(ox_eval *c, const char *name, uint64_t n)
{
	return list_of(c, (const char *const[]){name, NULL}, n, false);
}

static bool read_missing(ox_eval *c, ensemble *e, uint64_t n)
{
	const ox_array *m = ox_ml_list(c, "nodes_missing_value_tracks_true");

	if (c->why || (m && (m->dtype != OX_I64 || m->count != n)))
		return c->why ? false : ox_eval_undefined(c, "the lists of nodes do not fit each other");
	for (uint64_t i = 0; m && i < n; i++)
		e->nodes[i].missing = ox_get_int(m, i) != 0;
	return true;
}

static bool set_feature(ox_eval *c, ensemble *e, size_t i, int64_t feature)
{
	if (feature < 0 || (uint64_t)feature >= e->s.features)
		return ox_eval_undefined(c, "a node asks for a feature that is not there");
	e->nodes[i].feature = (uint64_t)feature;
	return true;
}

/* ---- circles -------------------------------------------------------------------------------- */

enum { UNSEEN, OPEN, DONE };

typedef struct survey {
	uint8_t *state;
	uint64_t *depth;              /* nodes on the longest way down */
	size_t *stack;
} survey;

/* One step of the walk below the top of the stack; false: a circle. */
static bool look(const ensemble *e, survey *s, size_t *n)
{
	const size_t i = s->stack[*n - 1];
	const node *d = &e->nodes[i];
	const size_t below[] = {d->yes, d->no};

	for (int k = 0; k < 2 && d->mode != LEAF; k++) {
		if (s->state[below[k]] == OPEN)
			return false;
		if (s->state[below[k]] == UNSEEN) {
			s->state[below[k]] = OPEN;
			s->stack[(*n)++] = below[k];
			return true;
		}
	}
	s->depth[i] = 1;
	for (int k = 0; k < 2 && d->mode != LEAF; k++)
		if (s->depth[below[k]] >= s->depth[i])
			s->depth[i] = s->depth[below[k]] + 1;
	s->state[i] = DONE;
	--*n;
	return true;
}

/* Measures the walk of a sample; false after ox_eval_undefined. */
static bool measure(ox_eval *c, ensemble *e)
{
	survey s = {ox_new_array(c->arena, uint8_t, e->n + 1), ox_new_array(c->arena, uint64_t, e->n + 1),
	            ox_new_array(c->arena, size_t, e->n + 1)};

	for (size_t r = 0; r < e->nroots; r++) {
		size_t n = s.state[e->roots[r]] == UNSEEN;
		s.stack[0] = e->roots[r];
		s.state[e->roots[r]] = n ? OPEN : DONE;
		while (n)
			if (!look(e, &s, &n))
				return ox_eval_undefined(c, "a tree has a circle");
		e->walk += s.depth[e->roots[r]];
	}
	return true;
}

/* ---- trees that are listed by their ids -------------------------------------------------------- */

/* What the two older operators call their votes. */
typedef struct names {
	const char *trees, *nodes, *targets;
	const char *const *weights;
} names;

typedef struct id { int64_t tree, node; } id;

static int64_t find(const ox_lookup *l, int64_t tree, int64_t n)
{
	const id key = {tree, n};

	return ox_lookup_find(l, &key, sizeof key);
}

static bool set_modes(ox_eval *c, ensemble *e)
{
	static const char *const modes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ",
	                                    "BRANCH_NEQ", "", "LEAF"};
	const ox_array *list = ox_ml_list(c, "nodes_modes");

	if (c->why || !list || list->dtype != OX_STRING || list->count != e->n)
		return c->why ? false : ox_eval_undefined(c, "the nodes have no modes");
	for (size_t i = 0; i < e->n; i++) {
		size_t k = 0;
		while (k < OX_LEN(modes) && !ox_str_eq(((const ox_str *)list->data)[i], ox_cstr(modes[k])))
			k++;
		if (k == OX_LEN(modes) || k == MEMBER)
			return ox_eval_undefined(c, "a node has a mode that is not known");
		e->nodes[i].mode = (mode)k;
	}
	return true;
}

/* Nodes by their ids; the first of each tree is its root. */
static ox_lookup *index_nodes(ox_eval *c, ensemble *e, const ox_array *trees, const ox_array *ids)
{
	ox_lookup *l = ox_lookup_new(c->arena, e->n), *seen = ox_lookup_new(c->arena, e->n);
	id *keys = ox_new_array(c->arena, id, e->n);

	e->roots = ox_new_array(c->arena, size_t, e->n);
	for (size_t i = 0; i < e->n; i++) {
		keys[i] = (id){ox_get_int(trees, i), ox_get_int(ids, i)};
		if (!ox_lookup_set(l, &keys[i], sizeof keys[i], (int64_t)i)) {
			ox_eval_undefined(c, "two nodes have the same id");
			return NULL;
		}
		if (ox_lookup_set(seen, &keys[i].tree, sizeof keys[i].tree, 1))
			e->roots[e->nroots++] = i;
	}
	return l;
}

static bool set_branch(ox_eval *c, ensemble *e, const ox_lookup *l, size_t i, int64_t tree, int64_t yes, int64_t no)
{
	const int64_t y = find(l, tree, yes), n = find(l, tree, no);

	if (y < 0 || n < 0)
		return ox_eval_undefined(c, "a node leads nowhere");
	e->nodes[i].yes = (size_t)y;
	e->nodes[i].no = (size_t)n;
	return true;
}

static bool read_nodes(ox_eval *c, ensemble *e, ox_lookup **l)
{
	static const char *const splits[] = {"nodes_values_as_tensor", "nodes_values", NULL};
	const ox_array *trees = ox_ml_list(c, "nodes_treeids");

	if (!trees || trees->dtype != OX_I64)
		return c->why ? false : ox_eval_undefined(c, "there are no nodes");
	e->n = (size_t)trees->count;
	e->nodes = ox_new_array(c->arena, node, e->n);
	const ox_array *ids = ints_of(c, "nodes_nodeids", e->n), *feature = ids ? ints_of(c, "nodes_featureids", e->n) : NULL;
	const ox_array *yes = feature ? ints_of(c, "nodes_truenodeids", e->n) : NULL;
	const ox_array *no = yes ? ints_of(c, "nodes_falsenodeids", e->n) : NULL;
	const ox_array *split = no ? list_of(c, splits, e->n, true) : NULL;
	if (!split || !set_modes(c, e) || !read_missing(c, e, e->n) || !(*l = index_nodes(c, e, trees, ids)))
		return false;
	for (size_t i = 0; i < e->n; i++) {
		e->nodes[i].split = ox_get(split, i).f;
		if (e->nodes[i].mode != LEAF
		    && (!set_feature(c, e, i, ox_get_int(feature, i))
		        || !set_branch(c, e, *l, i, ox_get_int(trees, i), ox_get_int(yes, i), ox_get_int(no, i))))
			return false;
	}
	return true;
}

/* Votes in the order of their nodes. Those of a node that is no leaf are left out, as ONNX Runtime
 * does: some exporters write them. */
static bool read_votes(ox_eval *c, ensemble *e, const names *k, const ox_lookup *l)
{
	const ox_array *trees = ox_ml_list(c, k->trees);
	const uint64_t n = trees ? trees->count : 0;
	const ox_array *nodes = trees ? ints_of(c, k->nodes, n) : NULL, *targets = nodes ? ints_of(c, k->targets, n) : NULL;
	const ox_array *weights = targets ? list_of(c, k->weights, n, true) : NULL;
	size_t at = 0;

	if (!weights)
		return c->why ? false : ox_eval_undefined(c, "the leaves have no weights");
	e->votes = ox_new_array(c->arena, vote, (size_t)n + 1);
	size_t *leaf = ox_new_array(c->arena, size_t, (size_t)n + 1);
	for (size_t i = 0; i < n; i++) {
		const int64_t found = find(l, ox_get_int(trees, i), ox_get_int(nodes, i));
		if (found < 0 || ox_get_int(targets, i) < 0 || (uint64_t)ox_get_int(targets, i) >= e->targets)
			return ox_eval_undefined(c, "a weight is for no leaf, or for no target");
		leaf[i] = (size_t)found;
		e->nodes[leaf[i]].to++;
	}
	for (size_t i = 0; i < e->n; i++) {
		const size_t count = e->nodes[i].to;
		e->nodes[i].from = e->nodes[i].to = at;
		at += count;
	}
	for (size_t i = 0; i < n; i++)
		e->votes[e->nodes[leaf[i]].to++] = (vote){(size_t)ox_get_int(targets, i), ox_get(weights, i).f};
	return true;
}

/* ---- walking ---------------------------------------------------------------------------------------- */

static bool is_member(const double *p, size_t from, size_t to, double x)
{
	while (from < to) {
		const size_t mid = (from + to) / 2;
		if (p[mid] == x)
			return true;
		if (p[mid] < x)
			from = mid + 1;
		else
			to = mid;
	}
	return false;
}

static bool is_yes(ox_eval *c, const ensemble *e, const node *n, double x)
{
	if (isnan(x)) {
		/* NaN is not equal to anything, and that is where runtimes let it go. */
		if (n->mode == NEQ && !n->missing)
			c->disputed = "a NaN is compared for being unequal";
		return n->missing;
	}
	switch (n->mode) {
	case LEQ: return x <= n->split;
	case LT:  return x < n->split;
	case GTE: return x >= n->split;
	case GT:  return x > n->split;
	case EQ:  return x == n->split;
	case NEQ: return x != n->split;
	default:  return is_member(e->members, n->from, n->to, x);
	}
}

static void add_vote(const ensemble *e, const vote *v)
{
	double *s = &e->scores[v->target];
	const bool first = !e->voted[v->target];

	e->voted[v->target] = true;
	if (e->aggregate == MIN)
		*s = first || v->weight < *s ? v->weight : *s;
	else if (e->aggregate == MAX)
		*s = first || v->weight > *s ? v->weight : *s;
	else
		*s += v->weight;
}

/* The scores of a sample, before any transform. */
static void predict(ox_eval *c, const ensemble *e, uint64_t sample)
{
	const double *x = e->s.x + sample * e->s.features;

	memset(e->scores, 0, e->targets * sizeof *e->scores);
	memset(e->voted, 0, e->targets * sizeof *e->voted);
	for (size_t r = 0; r < e->nroots; r++) {
		const node *n = &e->nodes[e->roots[r]];
		while (n->mode != LEAF)
			n = &e->nodes[is_yes(c, e, n, x[n->feature]) ? n->yes : n->no];
		for (size_t i = n->from; i < n->to; i++)
			add_vote(e, &e->votes[i]);
	}
	for (size_t t = 0; t < e->targets; t++) {
		e->scores[t] /= e->aggregate == AVERAGE ? (double)e->nroots : 1;
		e->scores[t] += e->base ? e->base[t] : 0;
	}
}

/* All is known; the samples are read. Leaves may have many votes: all are charged. */
static bool begin(ox_eval *c, ensemble *e, uint64_t nvotes)
{
	e->scores = ox_new_array(c->arena, double, e->targets + 1);
	e->voted = ox_new_array(c->arena, bool, e->targets + 1);
	return measure(c, e) && ox_samples_read(c, &e->s)
	       && ox_eval_cost(c, e->s.n, e->walk + (nvotes < e->walk * e->targets ? nvotes : e->walk * e->targets) + e->targets);
}

static bool put_scores(ox_eval *c, ensemble *e, ox_array *out)
{
	for (uint64_t i = 0; i < e->s.n; i++) {
		predict(c, e, i);
		ox_ml_transform(c, e->transform, e->scores, e->targets);
		for (size_t t = 0; t < e->targets; t++)
			ox_put_double(out, i * e->targets + t, e->scores[t]);
	}
	return true;
}

/* ---- the regressor -------------------------------------------------------------------------------------- */

static bool read_base(ox_eval *c, ensemble *e, uint64_t *n)
{
	static const char *const lists[] = {"base_values_as_tensor", "base_values", NULL};
	const ox_array *base = ox_ml_first_list(c, lists);

	*n = base ? base->count : 0;
	if (c->why || (base && ox_kind_of(base->dtype) != OX_FLOATING))
		return c->why ? false : ox_eval_undefined(c, "the base values are no floats");
	e->base = base ? ox_own_doubles(c, base) : NULL;
	return true;
}

static bool read_aggregate(ox_eval *c, ensemble *e)
{
	static const char *const words[] = {"AVERAGE", "SUM", "MIN", "MAX"};

	for (size_t i = 0; i < OX_LEN(words); i++)
		if (ox_eval_str_is(c, "aggregate_function", words[i])) {
			e->aggregate = (aggregate)i;
			return true;
		}
	return ox_eval_undefined(c, "the aggregate function is not known");
}

/* ML_TreeEnsembleRegressor */
bool eval_ml_tree_regressor(ox_eval *c)
{
	static const char *const weights[] = {"target_weights_as_tensor", "target_weights", NULL};
	static const names k = {"target_treeids", "target_nodeids", "target_ids", weights};
	const int64_t targets = ox_eval_int(c, "n_targets", 0);
	ensemble e = {.targets = (size_t)targets};
	ox_lookup *l;
	uint64_t n;

	if (targets < 1)
		return ox_eval_undefined(c, "there are no targets");
	if (!ox_samples_of(c, &e.s) || !ox_ml_transform_of(c, &e.transform) || !read_aggregate(c, &e)
	    || !read_nodes(c, &e, &l) || !read_base(c, &e, &n))
		return false;
	if (n && n != e.targets)
		return ox_eval_undefined(c, "there is not a base value for each target");
	ox_array *out = ox_eval_out(c, 0, OX_F32, 2, (int64_t[]){(int64_t)e.s.n, targets});
	return out && read_votes(c, &e, &k, l) && begin(c, &e, e.nodes[e.n - 1].to) && put_scores(c, &e, out);
}

/* ---- the classifier --------------------------------------------------------------------------------------- */

/* How ONNX Runtime takes votes for one class of two. */
typedef struct lone {
	bool is;
	size_t target;                /* that has all votes */
	bool positive;                /* all weights are >= 0: a half decides, else 0 */
} lone;

static lone lone_class(const ensemble *e)
{
	const size_t n = e->nodes[e->n - 1].to;
	lone l = {e->targets == 2 && n > 0, n ? e->votes[0].target : 0, true};

	for (size_t i = 0; i < n; i++) {
		l.is &= e->votes[i].target == l.target;
		l.positive &= e->votes[i].weight >= 0;
	}
	return l;
}

/* The scores of a sample in their final form, and its class. False after ox_eval_undefined. */
static bool classify(ox_eval *c, const ensemble *e, const lone *l, ox_dtype t, size_t *class)
{
	double *s = e->scores;

	*class = ox_ml_argmax(s, e->targets, t);
	if (e->targets == 2)
		c->disputed = "runtimes score two classes in their own ways";
	if (!e->voted[*class])
		c->disputed = "the class has no votes";
	if (l->is)
		*class = ox_rounded(t, s[l->target]) > (l->positive ? 0.5 : 0);
	if (l->is && l->target == 0) {
		s[1] = s[0];
		return ox_ml_two_scores(c, e->transform, l->positive ? OX_COMPLEMENT : OX_OPPOSITE, s);
	}
	ox_ml_transform(c, e->transform, s, e->targets);
	return true;
}

/* Of one class ONNX Runtime says 1 or 0, whatever its label. */
static bool put_label(ox_eval *c, ox_array *labels, uint64_t i, const ox_array *words, size_t class, double score)
{
	if (words->count > 1) {
		ox_ml_copy(labels, i, words, class);
		return true;
	}
	if (words->dtype == OX_STRING)
		return ox_eval_undefined(c, "one class that has a name");
	c->disputed = "there is one class";
	ox_put_int(labels, i, score > 0);
	return true;
}

/* One base value for two classes that share a score is for the score. */
static bool fit_base(ox_eval *c, ensemble *e, const lone *l, uint64_t n)
{
	if (!n || (n == e->targets && !l->is))
		return true;
	if (!l->is || n != 1)
		return ox_eval_undefined(c, "there is not a base value for each class");
	double *base = ox_new_array(c->arena, double, 2);
	base[0] = l->target == 0 ? e->base[0] : 0;
	e->base = base;
	return true;
}

/* ML_TreeEnsembleClassifier */
bool eval_ml_tree_classifier(ox_eval *c)
{
	static const char *const lists[] = {"classlabels_strings", "classlabels_int64s", NULL};
	static const char *const weights[] = {"class_weights_as_tensor", "class_weights", NULL};
	static const names k = {"class_treeids", "class_nodeids", "class_ids", weights};
	const ox_array *labels = ox_ml_first_list(c, lists);
	ensemble e = {.targets = labels ? (size_t)labels->count : 0, .aggregate = SUM};
	ox_lookup *l;
	uint64_t n;
	size_t class;

	if (!labels)
		return c->why ? false : ox_eval_undefined(c, "there are no labels");
	if (!ox_samples_of(c, &e.s) || !ox_ml_transform_of(c, &e.transform) || !read_nodes(c, &e, &l)
	    || !read_base(c, &e, &n) || !read_votes(c, &e, &k, l))
		return false;
	const lone alone = lone_class(&e);
	if (!fit_base(c, &e, &alone, n))
		return false;
	ox_array *top = ox_eval_out(c, 0, labels->dtype, 1, (int64_t[]){(int64_t)e.s.n});
	ox_array *out = ox_eval_out(c, 1, OX_F32, 2, (int64_t[]){(int64_t)e.s.n, (int64_t)e.targets});
	if (!top || !out || !begin(c, &e, e.nodes[e.n - 1].to))
		return false;
	for (uint64_t i = 0; i < e.s.n; i++) {
		predict(c, &e, i);
		if (!classify(c, &e, &alone, out->dtype, &class) || !put_label(c, top, i, labels, class, e.scores[0]))
			return false;
		for (size_t t = 0; t < e.targets; t++)
			ox_put_double(out, i * e.targets + t, e.scores[t]);
	}
	return true;
}

/* ---- trees whose nodes are numbered ----------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* A set for each MEMBER node, a NaN behind each. */
static bool read_members(ox_eval *c, ensemble *e, size_t branches)
{
	const ox_array *x = ox_ml_list(c, "membership_values");
	size_t at = 0;

	if (c->why || (x && ox_kind_of(x->dtype) != OX_FLOATING))
		return c->why ? false : ox_eval_undefined(c, "the members are no floats");
	e->members = x ? ox_own_doubles(c, x) : NULL;
	for (size_t i = 0; i < branches; i++) {
		if (e->nodes[i].mode != MEMBER)
			continue;
		e->nodes[i].from = at;
		while (x && at < x->count && !isnan(e->members[at]))
			at++;
		if (!x || at == x->count)
			return ox_eval_undefined(c, "a node has no members");
		e->nodes[i].to = at++;
		qsort(e->members + e->nodes[i].from, e->nodes[i].to - e->nodes[i].from, sizeof *e->members, compare_doubles);
	}
	return !x || at == x->count || ox_eval_undefined(c, "members are left over");
}

/* Leaves are nodes behind the others. */
static bool read_leaves(ox_eval *c, ensemble *e, size_t branches, const ox_array *weights)
{
	const ox_array *targets = ints_of(c, "leaf_targetids", weights->count);

	if (!targets)
		return false;
	e->votes = ox_new_array(c->arena, vote, (size_t)weights->count + 1);
	for (size_t i = 0; i < weights->count; i++) {
		const int64_t t = ox_get_int(targets, i);
		if (t < 0 || (uint64_t)t >= e->targets)
			return ox_eval_undefined(c, "a weight is for no target");
		e->votes[i] = (vote){(size_t)t, ox_get(weights, i).f};
		e->nodes[branches + i] = (node){.mode = LEAF, .from = i, .to = i + 1};
	}
	return true;
}

/* The node that `where` names, a leaf or not; false after ox_eval_undefined. */
static bool follow(ox_eval *c, const ensemble *e, size_t branches, int64_t is_leaf, int64_t where, size_t *to)
{
	const size_t n = is_leaf ? e->n - branches : branches;

	if (where < 0 || (uint64_t)where >= n)
		return ox_eval_undefined(c, "a node leads nowhere");
	*to = (size_t)where + (is_leaf ? branches : 0);
	return true;
}

static bool read_branches(ox_eval *c, ensemble *e, size_t n, const ox_array *feature)
{
	static const char *const splits[] = {"nodes_splits", NULL};
	const ox_array *modes = ints_of(c, "nodes_modes", n), *split = modes ? list_of(c, splits, n, true) : NULL;
	const ox_array *yes = split ? ints_of(c, "nodes_truenodeids", n) : NULL;
	const ox_array *no = yes ? ints_of(c, "nodes_falsenodeids", n) : NULL;
	const ox_array *yes_is_leaf = no ? ints_of(c, "nodes_trueleafs", n) : NULL;
	const ox_array *no_is_leaf = yes_is_leaf ? ints_of(c, "nodes_falseleafs", n) : NULL;

	if (!no_is_leaf || !read_missing(c, e, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		const uint64_t m = ox_get(modes, i).u;
		if (m > MEMBER)
			return ox_eval_undefined(c, "a node has a mode that is not known");
		e->nodes[i].mode = (mode)m;
		e->nodes[i].split = ox_get(split, i).f;
		if (!set_feature(c, e, i, ox_get_int(feature, i))
		    || !follow(c, e, n, ox_get_int(yes_is_leaf, i), ox_get_int(yes, i), &e->nodes[i].yes)
		    || !follow(c, e, n, ox_get_int(no_is_leaf, i), ox_get_int(no, i), &e->nodes[i].no))
			return false;
	}
	return true;
}

static bool read_roots(ox_eval *c, ensemble *e, size_t branches)
{
	const ox_array *roots = ox_ml_list(c, "tree_roots");

	if (!roots || roots->dtype != OX_I64)
		return c->why ? false : ox_eval_undefined(c, "there are no trees");
	e->nroots = (size_t)roots->count;
	e->roots = ox_new_array(c->arena, size_t, e->nroots);
	for (size_t r = 0; r < e->nroots; r++)
		if (!follow(c, e, branches, false, ox_get_int(roots, r), &e->roots[r]))
			return false;
	return true;
}

/* ML_TreeEnsemble */
bool eval_ml_tree_ensemble(ox_eval *c)
{
	const int64_t targets = ox_eval_int(c, "n_targets", 0), how = ox_eval_int(c, "aggregate_function", SUM);
	const int64_t transform = ox_eval_int(c, "post_transform", OX_TR_NONE);
	const ox_array *feature = ox_ml_list(c, "nodes_featureids"), *weights = c->why ? NULL : ox_ml_list(c, "leaf_weights");
	ensemble e = {.targets = (size_t)targets, .aggregate = (aggregate)how, .transform = (ox_transform)transform};

	if (!feature || !weights || feature->dtype != OX_I64 || ox_kind_of(weights->dtype) != OX_FLOATING)
		return c->why ? false : ox_eval_undefined(c, "there are no nodes or no leaves");
	if (targets < 1 || how < 0 || how > MAX || transform < 0 || transform >= OX_NTRANSFORMS)
		return ox_eval_undefined(c, "an attribute is out of range");
	/* ONNX Runtime takes 1 for LOGISTIC and 2 for SOFTMAX. */
	if (transform == OX_TR_SOFTMAX || transform == OX_TR_LOGISTIC)
		c->disputed = "runtimes number the transforms in two ways";
	const size_t n = (size_t)feature->count;
	e.n = n + (size_t)weights->count;
	e.nodes = ox_new_array(c->arena, node, e.n);
	if (!ox_samples_of(c, &e.s) || !read_branches(c, &e, n, feature) || !read_members(c, &e, n)
	    || !read_leaves(c, &e, n, weights) || !read_roots(c, &e, n))
		return false;
	ox_array *out = ox_eval_out(c, 0, ox_arg(c, 0)->dtype, 2, (int64_t[]){(int64_t)e.s.n, targets});
	return out && begin(c, &e, e.nroots) && put_scores(c, &e, out);
}
