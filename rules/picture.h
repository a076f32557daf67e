/* picture.h - rules/ only: a rule as it is kept. */
#ifndef OX_PICTURE_H
#define OX_PICTURE_H

#include "rules/rule.h"
#include "rules/tree.h"

/* Of one picture. Recursion on expressions and pictures is bounded by these. */
enum {
	RULE_VARS = 48, RULE_NODES = 32, RULE_CAPTURES = 48, RULE_DEPTH = 32, RULE_OPERANDS = 24, RULE_OPS = 32,
	RULE_ATTRS = 16, RULE_GUARDS = 64,
};

/* A copy of the n that there are: what is read may be as large as the limits above. */
#define RULE_KEEP(a, type, from, n) memcpy(ox_new_array(a, type, (n) + 1u), from, (n) * sizeof(type))

/* ---- words and marks ------------------------------------------------------------- */

typedef enum word_kind { W_END, W_NAME, W_CAPTURE, W_INT, W_FLOAT, W_TEXT, W_MARK } word_kind;

typedef struct word {
	word_kind kind;
	const char *p;
	size_t n;                     /* CAPTURE without its @, TEXT without quotes */
	char mark[3];                 /* MARK: one or two characters */
	int64_t i;
	double f;
	bool breaks;                  /* a line ends before it */
} word;

/* Reading one text of the file. */
typedef struct words {
	const char *file;
	ox_arena *a;
	ox_diag *d;
	const char *p, *end;          /* behind now */
	const char *line_start;
	uint32_t line, column0;       /* of what is read: line, and the column where its line begins */
	uint32_t column1;             /* where further lines begin */
	word now;
	uint32_t now_line, now_column;
	unsigned depth;
	struct picture *pic;          /* names are looked up here */
	bool failed;
} words;

void word_begin(words *t, const char *file, const ox_tree *from, ox_arena *a, ox_diag *d);
void word_next(words *t);
bool word_fail(words *t, const char *fmt, ...) OX_PRINTF(2, 3);        /* at the present word; returns false */
bool word_is(const words *t, const char *mark);
bool word_take(words *t, const char *mark);
bool word_expect(words *t, const char *mark);
bool word_name_is(const words *t, const char *name);
const char *word_copy(words *t);                                      /* of the present word, NUL at the end */

/* ---- expressions ------------------------------------------------------------------- */

typedef enum expr_kind {
	E_INT, E_FLOAT, E_TEXT, E_TRUTH, E_LIST, E_CAPTURE, E_VAR, E_CALL, E_INDEX, E_UNARY, E_BINARY,
} expr_kind;

typedef struct expr {
	expr_kind kind;
	char op[4];                   /* UNARY "-" "not"; BINARY "+" "==" "and" "in"... */
	int64_t i;
	double f;
	const char *s;                /* TEXT */
	uint16_t at;                  /* VAR, CAPTURE: number */
	const struct function *call;  /* CALL */
	uint16_t n;
	struct expr **arg;
	const char *from;             /* as written: what explains a guard that fails */
	size_t from_n;
} expr;

expr *word_expr(words *t);             /* NULL after reporting */
expr *word_attr_expr(words *t);        /* up to , or > */

/* What an expression is worth. */
typedef enum x_kind { X_NONE, X_UNKNOWN, X_TRUTH, X_INT, X_FLOAT, X_TEXT, X_LIST, X_VALUE } x_kind;

typedef struct xval {
	x_kind kind;                  /* NONE: an attribute that is absent. UNKNOWN: s says why */
	bool truth;
	ox_dim i;                     /* literal or symbolic */
	double f;
	const char *s;
	uint32_t n;
	struct xval *list;
	ox_value *v;
} xval;

struct match;

typedef struct function {
	const char *name;
	uint8_t min, max;             /* arguments */
	bool facts;                   /* asks what inference knows */
	xval (*eval)(struct match *m, uint32_t n, const xval *x);
} function;
const function *function_find(const char *name, size_t n);
const char *function_near(const char *name);

/* ---- pictures ------------------------------------------------------------------------ */

typedef enum operand_kind { O_VAR, O_LITERAL, O_ANY, O_ABSENT, O_REST } operand_kind;

typedef struct operand {
	operand_kind kind;
	bool optional;                /* "b?": may be absent */
	uint16_t var;
	expr *literal;                /* a number or a list; in after any expression */
} operand;

typedef struct pattr {
	const char *name;
	int16_t capture;              /* >= 0: its value goes there; else `is` */
	expr *is;
	struct param_form *form;
} pattr;

enum { OP_WORDS = (OX_NOPS + 63) / 64 };

typedef struct pnode {
	uint64_t op_set[OP_WORDS];    /* of ops: bit per ox_op */
	uint16_t nops;
	ox_op *ops;                   /* alternatives; OX_OP_NONE: by domain and op_type */
	const char **domains, **types;
	int16_t tag;                  /* capture that gets the op's name; < 0: none */
	uint16_t nin, nout, nattr;
	operand *in;
	uint16_t *out;                /* variables */
	pattr *attr;
	bool other_attrs;             /* "...": others do not matter; after: they are copied */
	int16_t copies;               /* after "...c": attributes of before's node that makes c; < 0: none */
	char repeat;                  /* '*', '+': a chain of such nodes along their first input; 0 */
	int16_t or_else;              /* another node that may stand here; < 0: none */
	uint32_t line, column;
} pnode;

/* Is op, of ops.def, among p's? Of others (OX_OP_NONE) the names decide. */
static inline bool pnode_may_be(const pnode *p, ox_op op)
{
	return p->op_set[op / 64] >> op % 64 & 1;
}

typedef struct var {
	const char *name;
	int16_t maker;                /* pnode of before that makes it; < 0: free */
	int16_t after;                /* pnode of after that makes it; < 0: none */
	bool is_root;                 /* before's result, that after makes anew */
	bool rest;
	bool optional;
	bool shared;                  /* others may read it too */
	bool constant;                /* by a guard: looked at first, since it is cheap */
} var;

typedef struct picture {
	var *vars;                    /* nvars of them; RULE_VARS while it is read */
	uint16_t nvars;
	const char *captures[RULE_CAPTURES];
	uint16_t ncaptures;
	pnode *before, *after;        /* nbefore, nafter; RULE_NODES while it is read */
	uint16_t nbefore, nafter;
	uint16_t roots[RULE_NODES];   /* before's nodes that nothing of before reads; the first is matched first */
	uint16_t nroots;
	int16_t same_as[RULE_VARS];   /* root variable that is just another value: "y = x"; < 0: not so */
	bool facts;
	expr **guards;
	uint16_t nguards;
	uint64_t guard_off;           /* bit per guard: tests */
	unsigned looks;               /* levels of nodes above the first root */
} picture;

/* What can be told of a node, without matching, by what makes its operands: a few tests, and nearly
 * every node fails them. */
enum { SIEVE_INPUTS = 3 };

typedef struct sieve_in {
	enum { SIEVE_ALL, SIEVE_CONSTANT, SIEVE_MADE } kind;
	bool absent;                  /* MADE: also nothing */
	bool begins;                  /* CONSTANT: its first element, if it has any, is `first`, sign of zero aside */
	double first;
	uint64_t ops[OP_WORDS];       /* MADE: by these */
} sieve_in;

typedef struct sieve {
	uint64_t root[OP_WORDS];      /* ops of the first root */
	sieve_in in[SIEVE_INPUTS];
	uint8_t n;
	bool swaps;                   /* two operands, which may stand the other way round where the op commutes */
} sieve;

struct ox_rule {
	ox_rule_info info;
	sieve *sieves;                /* one for each picture */
	picture *pics;                /* one for each `before` */
	uint16_t npics;
};

bool picture_before(picture *p, const char *file, const ox_tree *from, ox_arena *a, ox_diag *d);
bool picture_after(picture *p, const char *file, const ox_tree *from, ox_arena *a, ox_diag *d);
int  picture_var(picture *p, const char *name, size_t n, bool make);           /* < 0: not there, or too many */
int  picture_capture(picture *p, const char *name, size_t n, bool make);

/* ---- parameters ------------------------------------------------------------------------ */

typedef enum form_type { FORM_INTS, FORM_INT, FORM_LIKE_X, FORM_FLOATS } form_type;

/* rules/forms.def */
typedef struct param_form {
	ox_op op;
	const char *name;
	uint8_t attr_until;           /* last opset with the attribute; 0: never one */
	uint8_t input;                /* the input it is from attr_until + 1 on */
	form_type type;
} param_form;
const param_form *form_find(ox_op op, const char *name);
/* Is the input a parameter of op that a picture may write as an attribute? */
const param_form *form_of_input(ox_op op, uint32_t input, int64_t opset);

/* ---- matching ---------------------------------------------------------------------------- */

typedef struct rest { ox_value **p; uint32_t n; } rest;

/* Of each only as many are there as the picture has. */
typedef struct bindings {
	ox_value *val[RULE_VARS];     /* NULL: not bound, or absent */
	bool bound[RULE_VARS];
	rest rests[RULE_VARS];
	xval cap[RULE_CAPTURES];
	bool captured[RULE_CAPTURES];
	ox_node *node[RULE_NODES];    /* of before; of a chain the last one (nearest the root) */
	uint32_t chained[RULE_NODES]; /* nodes of a chain */
} bindings;

typedef struct match {
	const ox_rule *r;
	const picture *pic;
	const ox_rule_host *h;
	ox_arena *a;
	bindings b;
	unsigned depth, best;         /* nodes that match now, at most */
	const char *why;              /* of the best */
	uint64_t steps;               /* tried so far */
} match;

/* Could n be the picture's last node? Cheap, and false for nearly every node. */
sieve match_sieve(const picture *pic);
static inline bool match_ends_in(const sieve *f, ox_op op) { return f->root[op / 64] >> op % 64 & 1; }
bool match_may(const sieve *f, const ox_node *n);     /* n's op is such a one */
/* Is the first element of the constant v, if there is one, something that fails? False also: not known. */
bool first_fails(const ox_model *m, const ox_value *v, bool (*test)(double f, double k), double k);
/* Nothing bound, in the host's scratch. */
match *match_new(const ox_rule *r, const picture *p, const ox_rule_host *h);
bool match_run(match *m, ox_node *n);
xval expr_eval(match *m, const expr *e);
bool xval_equal(match *m, const xval *a, const xval *b, ox_truth *same);
/* YES, NO, or MAYBE; *why gets the reason unless it is NULL. */
ox_truth expr_holds(match *m, const expr *e, const char **why);
bool emit_run(match *m);
void match_miss(match *m, const char *why);

#endif
