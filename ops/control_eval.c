/* control_eval.c - If, Loop, Scan: nodes that run graphs. Without a run (ops/run.h) they have
 * no result.
 *
 * Outputs that are collected step by step are kept as they come, and joined at the end.
 */
#include "ops/run.h"

static ox_graph *body_of(ox_eval *c, const char *name)
{
	const ox_attr *a = ox_node_attr(c->n, name);

	if (!c->run)
		ox_eval_undefined(c, "it runs a graph");
	else if (!a || a->type != OX_A_GRAPH || !a->g)
		ox_eval_undefined(c, "it has no body");
	else
		return a->g;
	return NULL;
}

/* The one element of a boolean or integer input. */
static bool scalar(ox_eval *c, const ox_array *x, int64_t *v)
{
	if (!ox_is_tensor(x) || x->count != 1)
		return ox_eval_undefined(c, "a condition or count is not one element");
	*v = ox_get_int(x, 0);
	return true;
}

static bool scalar_input(ox_eval *c, uint32_t i, int64_t *v)
{
	return !ox_arg(c, i) || (ox_eval_read(c, i) && scalar(c, ox_arg(c, i), v));
}

/* Results of bodies may be constants that nobody has read yet. */
static bool read_result(ox_eval *c, ox_array *x)
{
	return x->data || !x->from || ox_run_read(c, x);
}

/* ---- If ------------------------------------------------------------------------------ */

/* If */
bool eval_if(ox_eval *c)
{
	ox_graph *then_g = body_of(c, "then_branch"), *else_g = body_of(c, "else_branch");
	int64_t cond = 0;

	if (!then_g || !else_g || !scalar_input(c, 0, &cond))
		return false;
	ox_graph *g = cond ? then_g : else_g;
	ox_array **out = ox_new_array(c->arena, ox_array *, g->outputs.n + 1);
	if (g->outputs.n != c->n->nout)
		return ox_eval_undefined(c, "the branch has another number of outputs");
	if (!ox_run_graph(c, g, NULL, out))
		return false;
	memcpy(c->out, out, c->n->nout * sizeof *out);
	return true;
}

/* ---- collecting ------------------------------------------------------------------------ */

typedef OX_VEC(ox_array *) steps;

/* New axis of n steps in dims of one step. */
static void dims_with(int64_t *dims, const ox_array *x, uint32_t axis, int64_t n)
{
	for (uint32_t i = 0; i < axis; i++)
		dims[i] = x->dims[i];
	dims[axis] = n;
	for (uint32_t i = axis; i < x->rank; i++)
		dims[i + 1] = x->dims[i];
}

static bool same_shape(const ox_array *x, const ox_array *y)
{
	return x->dtype == y->dtype && x->rank == y->rank
	       && (!x->rank || !memcmp(x->dims, y->dims, x->rank * sizeof *x->dims));
}

/* x into row k of the axis, for every index in front of it. */
static void place_step(ox_array *out, const ox_array *x, uint32_t axis, uint64_t k)
{
	const size_t w = ox_elem_width(x->dtype);
	const uint64_t rows = ox_span(x, 0, axis), size = ox_span(x, axis, x->rank) * w;
	const uint64_t n = (uint64_t)out->dims[axis];

	for (uint64_t i = 0; size && i < rows; i++)
		memcpy((uint8_t *)out->data + (i * n + k) * size, (const uint8_t *)x->data + i * size,
		       (size_t)size);
}

/* Output o: the steps along a new axis, which counts from the end of the result if negative. */
static bool join_steps(ox_eval *c, uint32_t o, const steps *s, int64_t axis, bool backward)
{
	const ox_array *first = s->p[0];
	int64_t dims[OX_MAX_RANK + 1];

	if (!ox_is_tensor(first) || first->rank >= OX_MAX_RANK || !ox_eval_axis(c, &axis, first->rank + 1))
		return ox_eval_undefined(c, "results of the steps cannot be joined");
	dims_with(dims, first, (uint32_t)axis, (int64_t)s->n);
	ox_array *out = ox_eval_out(c, o, first->dtype, first->rank + 1, dims);
	if (!out)
		return false;
	for (size_t k = 0; k < s->n; k++) {
		if (!same_shape(first, s->p[k]))
			return ox_eval_undefined(c, "results of the steps differ in shape");
		place_step(out, s->p[k], (uint32_t)axis, backward ? s->n - 1 - k : k);
	}
	return true;
}

/* No step was made: the declared type says what is known, and unknown dims are 0. */
static bool no_steps(ox_eval *c, uint32_t o, const ox_graph *g, size_t i, int64_t axis)
{
	const ox_value *v = g->outputs.p[i]->use.val;
	const ox_type *t = v ? v->type : NULL;
	int64_t dims[OX_MAX_RANK + 1], item[OX_MAX_RANK];

	if (!t || t->kind != OX_T_TENSOR || !t->has_shape || t->rank >= OX_MAX_RANK)
		return ox_eval_undefined(c, "no step was made, and the type of its results is not declared");
	for (uint32_t k = 0; k < t->rank; k++)
		item[k] = ox_dim_is_num(t->dims[k]) && t->dims[k]->num > 0 ? t->dims[k]->num : 0;
	const ox_array one = {.dtype = t->elem, .rank = t->rank, .dims = item};
	if (!ox_eval_axis(c, &axis, t->rank + 1))
		return false;
	dims_with(dims, &one, (uint32_t)axis, 0);
	return ox_eval_out(c, o, t->elem, t->rank + 1, dims) != NULL;
}

/* ---- Loop ------------------------------------------------------------------------------- */

typedef struct loop {
	ox_graph *g;
	uint32_t carried;             /* values */
	uint32_t collected;           /* outputs joined at the end */
	int64_t trips;                /* at most */
	int64_t go;
	ox_array **in, **out;         /* of the body */
	steps *list;                  /* per collected output */
} loop;

static bool begin_loop(ox_eval *c, loop *l)
{
	l->g = body_of(c, "body");
	l->trips = INT64_MAX;
	l->go = 1;
	if (!l->g || !scalar_input(c, 0, &l->trips) || !scalar_input(c, 1, &l->go))
		return false;
	l->carried = c->n->nin > 2 ? c->n->nin - 2 : 0;
	if (l->g->inputs.n != l->carried + 2 || l->g->outputs.n < l->carried + 1
	    || l->g->outputs.n - 1 < c->n->nout)
		return ox_eval_undefined(c, "the body does not fit the loop");
	l->collected = (uint32_t)l->g->outputs.n - 1 - l->carried;
	l->in = ox_new_array(c->arena, ox_array *, l->g->inputs.n + 1);
	l->out = ox_new_array(c->arena, ox_array *, l->g->outputs.n + 1);
	l->list = ox_new_array(c->arena, steps, l->collected + 1);
	for (uint32_t i = 0; i < l->carried; i++)
		l->in[2 + i] = ox_arg(c, 2 + i);
	return true;
}

/* Trip i: what was carried is dropped when its successor is there. */
static bool one_trip(ox_eval *c, loop *l, int64_t i)
{
	ox_array *number = ox_eval_new(c, OX_I64, 0, NULL), *cond = ox_eval_new(c, OX_BOOL, 0, NULL);

	if (!number || !cond)
		return false;
	ox_put_int(number, 0, i);
	ox_put_int(cond, 0, l->go != 0);
	l->in[0] = number;
	l->in[1] = cond;
	if (!ox_run_graph(c, l->g, l->in, l->out))
		return false;
	ox_run_drop(c, number);
	ox_run_drop(c, cond);
	if (!read_result(c, l->out[0]) || !scalar(c, l->out[0], &l->go))
		return false;
	ox_run_drop(c, l->out[0]);
	for (uint32_t k = 0; k < l->carried; k++) {
		if (i > 0)
			ox_run_drop(c, l->in[2 + k]);
		l->in[2 + k] = l->out[1 + k];
	}
	for (uint32_t k = 0; k < l->collected; k++) {
		if (!read_result(c, l->out[1 + l->carried + k]))
			return false;
		*ox_push(c->arena, &l->list[k]) = l->out[1 + l->carried + k];
	}
	return true;
}

/* Loop */
bool eval_loop(ox_eval *c)
{
	loop l = {0};
	int64_t trips = 0;

	if (!begin_loop(c, &l))
		return false;
	for (; trips < l.trips && l.go; trips++)
		if (!one_trip(c, &l, trips))
			return false;
	for (uint32_t o = 0; o < c->n->nout; o++) {
		const uint32_t k = o - l.carried;
		if (o < l.carried)
			c->out[o] = l.in[2 + o];
		else if (trips ? !join_steps(c, o, &l.list[k], 0, false) : !no_steps(c, o, l.g, 1 + o, 0))
			return false;
		if (!c->out[o])
			return ox_eval_undefined(c, "a loop-carried value is missing");
	}
	return true;
}

/* ---- Scan --------------------------------------------------------------------------------- */

typedef struct scan {
	ox_graph *g;
	uint32_t states, scanned, collected;
	uint32_t first;               /* node input that is the first state */
	uint32_t batches;             /* leading axes of everything: 1 in version 8 */
	int64_t length;
	ox_array **state;             /* now */
	ox_array **in, **out;
	steps *list;                  /* per collected output */
} scan;

/* Entry k of a list attribute; 0 where it is absent. */
static bool entry(ox_eval *c, const char *name, uint32_t k, uint32_t count, int64_t *v)
{
	const int64_t *p;
	size_t n;

	*v = 0;
	if (!ox_eval_has_attr(c, name))
		return true;
	const ox_truth given = ox_eval_ints(c, name, UINT32_MAX, &p, &n);
	if (given == OX_MAYBE || (given == OX_YES && n != count))
		return ox_eval_undefined(c, "an attribute has not one entry for each input or output");
	*v = given == OX_YES ? p[k] : 0;
	return true;
}

static const char *backward_inputs(const ox_eval *c)
{
	return c->since < 9 ? "directions" : "scan_input_directions";
}

static bool input_axis(ox_eval *c, const scan *s, uint32_t k, int64_t *axis)
{
	const ox_array *x = ox_arg(c, s->first + s->states + k);

	if (!x || !ox_is_tensor(x) || x->rank < 1 + s->batches)
		return ox_eval_undefined(c, "an input cannot be scanned");
	*axis = 1;
	return s->batches || (entry(c, "scan_input_axes", k, s->scanned, axis) && ox_eval_axis(c, axis, x->rank));
}

static bool scan_length(ox_eval *c, scan *s)
{
	for (uint32_t k = 0; k < s->scanned; k++) {
		int64_t axis;
		const ox_array *x = ox_arg(c, s->first + s->states + k);
		if (!input_axis(c, s, k, &axis))
			return false;
		if (k && x->dims[axis] != s->length)
			return ox_eval_undefined(c, "the scanned inputs differ in length");
		s->length = x->dims[axis];
	}
	return true;
}

static bool begin_scan(ox_eval *c, scan *s)
{
	const int64_t n = ox_eval_int(c, "num_scan_inputs", 0);

	s->g = body_of(c, "body");
	s->first = s->batches = c->since < 9;
	if (!s->g || !ox_eval_read_all(c))
		return false;
	if (n < 1 || n > (int64_t)c->n->nin - (int64_t)s->first)
		return ox_eval_undefined(c, "num_scan_inputs does not fit");
	s->scanned = (uint32_t)n;
	s->states = c->n->nin - s->first - s->scanned;
	if (s->g->inputs.n != s->states + s->scanned || s->g->outputs.n < s->states
	    || c->n->nout > s->g->outputs.n)
		return ox_eval_undefined(c, "the body does not fit the scan");
	s->collected = (uint32_t)s->g->outputs.n - s->states;
	s->state = ox_new_array(c->arena, ox_array *, s->states + 1);
	s->in = ox_new_array(c->arena, ox_array *, s->g->inputs.n + 1);
	s->out = ox_new_array(c->arena, ox_array *, s->g->outputs.n + 1);
	s->list = ox_new_array(c->arena, steps, s->collected + 1);
	return scan_length(c, s);
}

/* x[..., i, ...] along axis, which goes. */
static ox_array *element(ox_eval *c, const ox_array *x, uint32_t axis, int64_t i)
{
	int64_t dims[OX_MAX_RANK];
	const uint64_t size = ox_span(x, axis + 1, x->rank) * ox_elem_width(x->dtype);

	for (uint32_t k = 0; k + 1 < x->rank; k++)
		dims[k] = x->dims[k + (k >= axis)];
	ox_array *y = ox_eval_new(c, x->dtype, x->rank - 1, dims);
	for (uint64_t row = 0; y && size && row < ox_span(x, 0, axis); row++)
		memcpy((uint8_t *)y->data + row * size,
		       (const uint8_t *)x->data + (row * (uint64_t)x->dims[axis] + (uint64_t)i) * size,
		       (size_t)size);
	return y;
}

static bool scan_step(ox_eval *c, scan *s, ox_array *const *x, int64_t t)
{
	for (uint32_t k = 0; k < s->states; k++)
		s->in[k] = s->state[k];
	for (uint32_t k = 0; k < s->scanned; k++) {
		int64_t axis = 0, backward;
		if (!entry(c, backward_inputs(c), k, s->scanned, &backward)
		    || (!s->batches && !input_axis(c, s, k, &axis)))
			return false;
		s->in[s->states + k] = element(c, x[k], (uint32_t)axis, backward ? s->length - 1 - t : t);
		if (!s->in[s->states + k])
			return false;
	}
	if (!ox_run_graph(c, s->g, s->in, s->out))
		return false;
	for (uint32_t k = 0; k < s->scanned; k++)
		ox_run_drop(c, s->in[s->states + k]);
	for (uint32_t k = 0; k < s->states + s->collected; k++)
		if (!read_result(c, s->out[k]))
			return false;
	for (uint32_t k = 0; k < s->states; k++) {
		ox_run_drop(c, s->state[k]);
		s->state[k] = s->out[k];
	}
	for (uint32_t k = 0; k < s->collected; k++)
		*ox_push(c->arena, &s->list[k]) = s->out[s->states + k];
	return true;
}

/* Version 9 and later: no batches. */
static bool scan_plain(ox_eval *c, scan *s)
{
	for (uint32_t k = 0; k < s->states; k++)
		s->state[k] = ox_arg(c, k);
	for (int64_t t = 0; t < s->length; t++)
		if (!scan_step(c, s, c->in + s->states, t))
			return false;
	for (uint32_t o = 0; o < c->n->nout; o++) {
		int64_t axis, backward;
		if (o < s->states) {
			c->out[o] = s->state[o];
			continue;
		}
		const uint32_t k = o - s->states;
		if (!entry(c, "scan_output_axes", k, s->collected, &axis)
		    || !entry(c, "scan_output_directions", k, s->collected, &backward))
			return false;
		if (s->length ? !join_steps(c, o, &s->list[k], axis, backward) : !no_steps(c, o, s->g, o, axis))
			return false;
	}
	return true;
}

/* ---- Scan 8 --------------------------------------------------------------------------------- */

/* Output o of the whole, made when the first batch tells its shape: [batches, ...]. */
static ox_array *batched_out(ox_eval *c, uint32_t o, const ox_array *x, int64_t batches, int64_t length)
{
	int64_t dims[OX_MAX_RANK + 2];
	uint32_t rank = 0;

	if (c->out[o] || x->rank + 2 > OX_MAX_RANK)
		return c->out[o];
	dims[rank++] = batches;
	if (length >= 0)
		dims[rank++] = length;
	for (uint32_t i = 0; i < x->rank; i++)
		dims[rank++] = x->dims[i];
	return ox_eval_out(c, o, x->dtype, rank, dims);
}

/* x at element `at` of out; false: it does not fit. */
static bool place_at(ox_eval *c, ox_array *out, const ox_array *x, uint64_t at)
{
	const size_t w = ox_elem_width(x->dtype);

	if (!out || out->dtype != x->dtype || at > out->count || x->count > out->count - at)
		return ox_eval_undefined(c, "results of the steps differ in shape");
	if (x->count)
		memcpy((uint8_t *)out->data + at * w, x->data, (size_t)x->count * w);
	return true;
}

static bool finish_batch(ox_eval *c, scan *s, int64_t batch, int64_t batches)
{
	for (uint32_t k = 0; k < s->states && k < c->n->nout; k++) {
		ox_array *out = batched_out(c, k, s->state[k], batches, -1);
		if (!place_at(c, out, s->state[k], (uint64_t)batch * s->state[k]->count))
			return false;
	}
	for (uint32_t k = 0; k < s->collected && s->states + k < c->n->nout; k++) {
		for (size_t t = 0; t < s->list[k].n; t++) {
			const ox_array *x = s->list[k].p[t];
			ox_array *out = batched_out(c, s->states + k, x, batches, s->length);
			if (!place_at(c, out, x, ((uint64_t)batch * (uint64_t)s->length + t) * x->count))
				return false;
		}
		s->list[k].n = 0;
	}
	return true;
}

static bool scan_batched(ox_eval *c, scan *s)
{
	ox_array **x = ox_new_array(c->arena, ox_array *, s->scanned + 1);
	const ox_array *lengths = ox_arg(c, 0);
	const int64_t batches = ox_arg(c, 1 + s->states)->dims[0];

	for (uint32_t i = 1; i < c->n->nin; i++)
		if (!ox_arg(c, i)->rank || ox_arg(c, i)->dims[0] != batches)
			return ox_eval_undefined(c, "the inputs differ in their batches");
	if (lengths && (lengths->rank != 1 || lengths->dims[0] != batches))
		return ox_eval_undefined(c, "sequence_lens has not one length for each batch");
	for (int64_t b = 0; b < batches; b++) {
		const int64_t n = lengths ? ox_get_int(lengths, (uint64_t)b) : s->length;
		if (n < 0 || n > s->length)
			return ox_eval_undefined(c, "a length is out of range");
		for (uint32_t k = 0; k < s->states; k++)
			if (!(s->state[k] = element(c, ox_arg(c, 1 + k), 0, b)))
				return false;
		for (uint32_t k = 0; k < s->scanned; k++)
			if (!(x[k] = element(c, ox_arg(c, 1 + s->states + k), 0, b)))
				return false;
		for (int64_t t = 0; t < n; t++)
			if (!scan_step(c, s, x, t))
				return false;
		if (!finish_batch(c, s, b, batches))
			return false;
	}
	return true;
}

/* Scan */
bool eval_scan(ox_eval *c)
{
	scan s = {0};

	return begin_scan(c, &s) && (s.batches ? scan_batched(c, &s) : scan_plain(c, &s));
}
