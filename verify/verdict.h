/* verdict.h - floor 4: how sure it is that two things compute the same. docs/guarantees.md */
#ifndef OX_VERIFY_VERDICT_H
#define OX_VERIFY_VERDICT_H

/* From best to worst; the worst of many is that of all. */
typedef enum ox_verdict {
	OX_V_PROVED,                  /* nothing that anybody reads has changed */
	OX_V_EXACT,                   /* the same bits on every sample */
	OX_V_BOUND,                   /* within the bound on every sample */
	OX_V_UNVERIFIED,
	OX_V_MISMATCH,
} ox_verdict;

/* As in reports: "proved", "pass-exact", "pass-within-bound", "unverified", "FAIL". */
static inline const char *ox_verdict_name(ox_verdict v)
{
	static const char *const names[] = {"proved", "pass-exact", "pass-within-bound", "unverified", "FAIL"};

	return names[v];
}

/* What the two must agree in. BOUND: in double, within what rounding the constants and inputs
 * of the original once more would do to it. DEFINITION: nothing is computed; a call must have
 * become the body of its function. */
typedef enum ox_agreement { OX_AGREE_BITS, OX_AGREE_BITS_BUT_ZERO_SIGN, OX_AGREE_BOUND, OX_AGREE_DEFINITION } ox_agreement;

#endif
