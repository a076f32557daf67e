/* eliminate_unused_optional_output - an optional output that nobody reads is not asked for.
 *
 *     y, h = LSTM(x, w, r)  (y unread)        =>        "", h = LSTM(x, w, r)
 *     y, mask = Dropout(x)  (mask unread)     =>        y = Dropout(x)
 *
 * The schema says which outputs are optional; variadic ones (Split, If, Loop, Scan) are
 * not. Left alone where asking for an output changes what the node computes:
 * BatchNormalization (its mode before opset 14), and the operators with a cache or state
 * that comes back as an output (present_key and present_value of Attention stay while
 * past_key or past_value is given; the others keep all outputs). At least one stays.
 * exact.
 */
#include "pass.h"

/* Operators whose outputs select a mode, or hand a state back. */
static const ox_op modal[] = {
	OX_BatchNormalization, OX_LinearAttention, OX_CausalConvWithState, OX_TensorScatter,
};

enum { ATTENTION_PAST_KEY = 4, ATTENTION_PAST_VALUE = 5, ATTENTION_PRESENT_KEY = 1, ATTENTION_PRESENT_VALUE = 2 };

static bool is_modal(const ox_node *n)
{
	for (size_t i = 0; i < OX_LEN(modal); i++)
		if (n->op == modal[i])
			return true;
	return false;
}

static bool has_input(const ox_node *n, uint32_t i)
{
	return i < n->nin && n->in[i].val;
}

/* Attention at opset 23 and later wants past and present together. */
static bool pairs_with_past(const ox_node *n, uint32_t i)
{
	return n->op == OX_Attention && (i == ATTENTION_PRESENT_KEY || i == ATTENTION_PRESENT_VALUE)
	       && (has_input(n, ATTENTION_PAST_KEY) || has_input(n, ATTENTION_PAST_VALUE));
}

static bool is_optional(const ox_schema *s, uint32_t i)
{
	return i < s->nout && s->out[i].kind == OX_P_OPTIONAL;
}

static bool is_droppable(const ox_ctx *c, const ox_node *n, const ox_schema *s, uint32_t i)
{
	const ox_value *v = n->out[i];

	return v && !v->uses && is_optional(s, i) && !pairs_with_past(n, i) && !ox_is_kept(c, v);
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	bool changed = false;

	if (n->nout < 2)
		return OX_SAME;       /* unread as a whole, or nothing to drop */
	const ox_schema *s = ox_node_schema(n);
	if (!s || !ox_domain_is_standard(n->domain) || is_modal(n) || !ox_node_is_read(n))
		return OX_SAME;
	/* From the end: dropping the last one cuts the list. */
	for (uint32_t i = n->nout; i-- > 0;) {
		if (i >= n->nout || !is_droppable(c, n, s, i))
			continue;
		ox_node_drop_out(n, i);
		changed = true;
	}
	return changed ? OX_CHANGED : OX_SAME;
}

const ox_pass ox_pass_eliminate_unused_optional_output = {
	.name     = "eliminate_unused_optional_output",
	.help     = "drop optional outputs that nobody reads",
	.aliases  = "RemoveUnusedOptionalOutputs",
	.looks    = OX_LOOKS_AT_ITSELF,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
