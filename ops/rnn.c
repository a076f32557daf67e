/* rnn.c - RNN, LSTM, GRU.
 *
 *     X [seq, batch, input]      W [dirs, gates * hidden, input]    R [dirs, gates * hidden, hidden]
 *     Y [seq, dirs, batch, hidden]      Y_h, Y_c, initial_h, initial_c [dirs, batch, hidden]
 *
 * With layout 1 batch comes first everywhere but in the weights.
 */
#include "ops/nn.h"

enum { X, W, R, B, LENS, H0, C0, P };

typedef struct rnn {
	int64_t gates;
	bool by_batch;                /* layout 1 */
	ox_dim seq, batch, dirs, hidden;
} rnn;

static int64_t gates_of(ox_op op) { return op == OX_LSTM ? 4 : op == OX_GRU ? 3 : 1; }

/* False after ox_infer_fail. dirs: NULL for an unknown attribute. */
static bool read_direction(ox_infer *c, ox_dim *dirs)
{
	static const struct { const char *name; int n; } all[] = {
		{"forward", 1}, {"reverse", 1}, {"bidirectional", 2},
		{"foward", 1},                /* how the schema of GRU-1 spells its default */
	};
	bool known;
	const ox_str s = ox_attr_str(c->n, "direction", OX_S("forward"), &known);

	*dirs = NULL;
	for (size_t i = 0; known && i < OX_LEN(all); i++)
		if (ox_str_eq(s, ox_cstr(all[i].name)))
			*dirs = ox_dim_num(c->m, all[i].n);
	return !known || *dirs
	       || ox_wrong(c, "direction is '%s', expected forward, reverse or bidirectional",
	                   ox_show(c->scratch, s));
}

static bool read_hidden(ox_infer *c, ox_dim *hidden)
{
	int64_t n;
	bool known;

	*hidden = NULL;
	if (!ox_infer_attr(c, "hidden_size"))
		return true;
	if (!ox_attr_bounded(c, "hidden_size", 1, 1, &n, &known))
		return false;
	*hidden = known ? ox_dim_num(c->m, n) : NULL;
	return true;
}

static bool ranks_are_right(ox_infer *c)
{
	static const struct { uint32_t input; int rank; } all[] = {
		{X, 3}, {W, 3}, {R, 3}, {B, 2}, {LENS, 1}, {H0, 3}, {C0, 3}, {P, 2},
	};

	for (size_t i = 0; i < OX_LEN(all); i++)
		if (!ox_expect_rank(c, all[i].input, all[i].rank))
			return false;
	return true;
}

static bool agree_on_hidden(ox_infer *c, rnn *r)
{
	static const char why[] = "the weights of a recurrent op have rows for each gate";

	if (!ox_agree(c, &r->hidden, ox_in_axis(c, R, 2), why)
	    || !ox_agree(c, &r->hidden, ox_in_axis(c, H0, 2), why)
	    || !ox_agree(c, &r->hidden, ox_in_axis(c, C0, 2), why))
		return false;
	if (!r->hidden)
		r->hidden = ox_nth_part(c, ox_in_axis(c, W, 1), r->gates);

	const ox_dim rows = ox_dim_mul_num(c->m, r->hidden, r->gates);
	return ox_force(c, ox_in_axis(c, W, 1), rows, why) && ox_force(c, ox_in_axis(c, R, 1), rows, why)
	       && ox_force(c, ox_in_axis(c, B, 1), ox_dim_mul_num(c->m, rows, 2), why);
}

static bool agree_on_rest(ox_infer *c, rnn *r)
{
	static const char why[] = "directions, batch and input size of a recurrent op";
	const uint32_t batch = r->by_batch ? 0 : 1;

	r->seq = ox_in_axis(c, X, !batch);
	r->batch = ox_in_axis(c, X, batch);
	return ox_agree(c, &r->batch, ox_in_axis(c, LENS, 0), why)
	       && ox_agree(c, &r->batch, ox_in_axis(c, H0, batch), why)
	       && ox_agree(c, &r->batch, ox_in_axis(c, C0, batch), why)
	       && ox_agree(c, &r->dirs, ox_in_axis(c, W, 0), why)
	       && ox_agree(c, &r->dirs, ox_in_axis(c, R, 0), why)
	       && ox_agree(c, &r->dirs, ox_in_axis(c, B, 0), why)
	       && ox_agree(c, &r->dirs, ox_in_axis(c, H0, !batch), why)
	       && ox_force(c, ox_in_axis(c, X, 2), ox_in_axis(c, W, 2), why);
}

/* GRU, LSTM, RNN */
bool infer_rnn(ox_infer *c)
{
	rnn r = {.gates = gates_of(c->n->op)};
	bool known, knows_sequence;
	const int64_t layout = ox_attr_int(c->n, "layout", 0, &known);

	if (!ranks_are_right(c))
		return false;
	if (!known || layout < 0 || layout > 1) {
		ox_out_rank(c, 0, 4);
		ox_out_rank(c, 1, 3);
		ox_out_rank(c, 2, 3);
		return true;
	}
	r.by_batch = layout == 1;
	if (!read_direction(c, &r.dirs) || !read_hidden(c, &r.hidden) || !agree_on_hidden(c, &r)
	    || !agree_on_rest(c, &r))
		return false;

	const ox_dim y[2][4] = {{r.seq, r.dirs, r.batch, r.hidden}, {r.batch, r.seq, r.dirs, r.hidden}};
	const ox_dim state[2][3] = {{r.dirs, r.batch, r.hidden}, {r.batch, r.dirs, r.hidden}};
	/* before opset 7 the sequence may be left out on request */
	if (ox_attr_int(c->n, "output_sequence", 1, &knows_sequence) && knows_sequence)
		ox_out_shape(c, 0, 4, y[r.by_batch]);
	ox_out_shape(c, 1, 3, state[r.by_batch]);
	ox_out_shape(c, 2, 3, state[r.by_batch]);
	return true;
}
