/* base.h - floor 0: memory, names, diagnostics and checked arithmetic.
 *
 * Everything above stands on these few ideas:
 *   - memory comes from arenas and is freed all at once; a failed allocation
 *     leaves through ox_heap.escape, so callers never test for NULL;
 *   - a name is interned once per model, afterwards names compare by pointer;
 *   - a problem is reported to ox_diag, with a code and a place, and nothing prints.
 */
#ifndef OX_BASE_H
#define OX_BASE_H

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define OX_LEN(a) (sizeof(a) / sizeof *(a))

#if defined(__GNUC__)
#define OX_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define OX_PRINTF(fmt, args)
#endif

/* ---- bytes --------------------------------------------------------------- */

/* A run of bytes that somebody else owns. p == NULL means absent, which is not the
 * same as empty: protobuf knows the difference, and we keep it. Not terminated. */
typedef struct ox_str {
	const char *p;
	size_t n;
} ox_str;

#define OX_ABSENT ((ox_str){NULL, 0})
#define OX_S(literal) ((ox_str){(literal), sizeof(literal) - 1})
/* for printf: printf("%.*s", OX_FMT(s)) */
#define OX_FMT(s) (int)(s).n, (s).p ? (s).p : ""

static inline bool ox_str_eq(ox_str a, ox_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline ox_str ox_cstr(const char *s)
{
	return (ox_str){s, s ? strlen(s) : 0};
}

/* ---- memory -------------------------------------------------------------- */

/* What one run may use. All arenas of a run draw on one heap, so that the limit is
 * global. When memory ends, control leaves by longjmp to `escape`, which the public
 * entry points set; without one the process aborts. */
typedef struct ox_heap {
	size_t used;          /* bytes held by all arenas */
	size_t peak;
	size_t limit;         /* 0: no limit */
	jmp_buf *escape;
} ox_heap;

typedef struct ox_block ox_block;

/* A bump allocator. Zeroed memory, 16-byte aligned, freed together. */
typedef struct ox_arena {
	ox_heap *heap;
	ox_block *blocks;     /* newest first */
	ox_block *spare;      /* of before the last reset */
	uint8_t *at, *end;    /* free part of the newest block */
	bool clean;           /* which is zero still */
	size_t used;          /* bytes handed out */
} ox_arena;

void  ox_arena_init(ox_arena *a, ox_heap *heap);
void  ox_arena_free(ox_arena *a);     /* may be used again afterwards */
void  ox_arena_reset(ox_arena *a);    /* empties it, keeps the blocks for what comes next */
void *ox_alloc(ox_arena *a, size_t size);                /* zeroed */
void *ox_alloc_raw(ox_arena *a, size_t size);            /* not zeroed */
void *ox_alloc_array(ox_arena *a, size_t count, size_t size); /* zeroed, checked product */
void *ox_grow(ox_arena *a, void *old, size_t count, size_t *cap, size_t size);
ox_str ox_str_copy(ox_arena *a, ox_str s);               /* absent stays absent; adds a NUL */
ox_str ox_str_printf(ox_arena *a, const char *fmt, ...) OX_PRINTF(2, 3);

#define ox_new(a, T)           ((T *)ox_alloc((a), sizeof(T)))
#define ox_new_array(a, T, n)  ((T *)ox_alloc_array((a), (n), sizeof(T)))

/* A growable array in an arena: OX_VEC(int) v = {0}; *ox_push(a, &v) = 3; v.p[i], v.n */
#define OX_VEC(T) struct { T *p; size_t n, cap; }
#define ox_push(a, v)                                                                    \
	(((v)->n == (v)->cap                                                             \
	          ? (void)((v)->p = ox_grow((a), (v)->p, (v)->n, &(v)->cap, sizeof *(v)->p)) \
	          : (void)0),                                                            \
	 &(v)->p[(v)->n++])

/* ---- names --------------------------------------------------------------- */

/* One per distinct string of a model; equal names are the same pointer. */
typedef struct ox_name {
	uint32_t hash;
	uint32_t n;           /* length in bytes, terminator not counted */
	uint16_t op;          /* ir/schema.c: op id of this name in ai.onnx, 0 not looked up */
	uint16_t domain;      /* ir/schema.c: id of this name as a domain, 0 not looked up */
	uint32_t mark;        /* free for one algorithm at a time */
	void *bind;           /* ir/link.c and the parser: the value now visible under the name */
	uint32_t suffix;      /* ir/model.c: the last number tried for a fresh name s_1, s_2... */
	uint8_t values;       /* ir: how many values of the model were ever called so; 2: or more */
	bool released;        /* ir: made for a transaction that was abandoned, free again */
	char s[];             /* n bytes and a NUL; may contain any byte */
} ox_name;

/* The hash stands beside the pointer: a name is only looked at when it is the right one. */
typedef struct ox_name_slot {
	ox_name *name;                /* NULL: free */
	uint32_t hash;
} ox_name_slot;

typedef struct ox_names {
	ox_arena *arena;
	ox_name_slot *slots;
	uint32_t nslots, count;
	uint64_t seed;        /* random per process, so that names cannot be made to collide */
} ox_names;

void     ox_names_init(ox_names *t, ox_arena *a);
void     ox_names_reserve(ox_names *t, size_t count);      /* room for so many, before any is there */
ox_name *ox_intern(ox_names *t, const char *s, size_t n);
/* s will be asked for soon, and then perhaps with the hash that this returns. */
uint32_t ox_names_prefetch(const ox_names *t, const char *s, size_t n);
ox_name *ox_intern_hashed(ox_names *t, const char *s, size_t n, uint32_t hash);
ox_name *ox_intern_find(const ox_names *t, const char *s, size_t n);   /* NULL: not there */

static inline ox_name *ox_intern_str(ox_names *t, ox_str s)
{
	return ox_intern(t, s.p, s.n);
}

static inline ox_str ox_name_str(const ox_name *n)
{
	return n ? (ox_str){n->s, n->n} : OX_ABSENT;
}

uint64_t ox_hash(const void *p, size_t n, uint64_t seed);

/* ---- diagnostics --------------------------------------------------------- */

typedef enum ox_severity { OX_NOTE, OX_WARNING, OX_ERROR } ox_severity;

/* The stable codes: OX3107 in text, OX_E_TENSOR_SHORT in C. See codes.def. */
typedef enum ox_code {
#define CODE(number, ident, severity, exit, sentence, help) OX_E_##ident = number,
#include "base/codes.def"
#undef CODE
} ox_code;

typedef struct ox_code_row {
	ox_code code;
	const char *ident;        /* "TENSOR_SHORT" */
	ox_severity severity;
	int exit;                 /* exit code class, notes in docs/exit-codes.md */
	const char *sentence;     /* what the code means in general */
	const char *help;         /* what to do about it; NULL: nothing to say */
} ox_code_row;

const ox_code_row *ox_code_find(unsigned number);          /* NULL: no such code */
const ox_code_row *ox_code_table(size_t *n);

/* Where: any part may be missing. Strings are borrowed for the call. */
typedef struct ox_place {
	const char *file;
	int64_t byte;             /* offset in file; < 0: none */
	const char *path;         /* "graph 'g' node 3 'conv1' (Conv)"; NULL: none */
} ox_place;

#define OX_NOWHERE ((ox_place){NULL, -1, NULL})

typedef struct ox_message {
	const ox_code_row *row;
	ox_severity severity;
	const char *text;         /* the sentence, escaped, one line */
	ox_place at;
} ox_message;

/* Who listens. Not thread-safe; one per run. */
typedef struct ox_diag {
	void (*emit)(void *user, const ox_message *m);   /* NULL: only counted */
	void *user;
	const char *file;         /* used where a place names no file */
	uint32_t errors, warnings, notes;
	int exit;                 /* the gravest exit class among the errors so far, 0: none */
	uint32_t limit;           /* stop emitting after that many of one code; 0: 20 */
	uint16_t seen[10000];     /* how many of each code */
} ox_diag;

void ox_report(ox_diag *d, ox_code code, ox_place at, const char *fmt, ...) OX_PRINTF(4, 5);
void ox_vreport(ox_diag *d, ox_code code, ox_place at, const char *fmt, va_list ap) OX_PRINTF(4, 0);

/* Bytes as they may be shown to a person: control characters, quotes, bidi marks and
 * invalid UTF-8 become \xNN. Cut with "..." at 200 bytes. In arena a. */
const char *ox_show(ox_arena *a, ox_str s);

/* ---- progress ------------------------------------------------------------ */

/* Called now and then from long work; returning false asks to stop (exit 5). */
typedef struct ox_progress {
	bool (*tick)(void *user, const char *stage, uint64_t done, uint64_t total);
	void *user;
} ox_progress;

static inline bool ox_tick(const ox_progress *p, const char *stage, uint64_t done, uint64_t total)
{
	return !p || !p->tick || p->tick(p->user, stage, done, total);
}

/* ---- checked arithmetic -------------------------------------------------- */

/* Each returns false when the true result does not fit; *r is then unspecified. */
static inline bool ox_add_size(size_t a, size_t b, size_t *r) { return !__builtin_add_overflow(a, b, r); }
static inline bool ox_mul_size(size_t a, size_t b, size_t *r) { return !__builtin_mul_overflow(a, b, r); }
static inline bool ox_add_i64(int64_t a, int64_t b, int64_t *r) { return !__builtin_add_overflow(a, b, r); }
static inline bool ox_sub_i64(int64_t a, int64_t b, int64_t *r) { return !__builtin_sub_overflow(a, b, r); }
static inline bool ox_mul_i64(int64_t a, int64_t b, int64_t *r) { return !__builtin_mul_overflow(a, b, r); }
static inline bool ox_add_u64(uint64_t a, uint64_t b, uint64_t *r) { return !__builtin_add_overflow(a, b, r); }
static inline bool ox_mul_u64(uint64_t a, uint64_t b, uint64_t *r) { return !__builtin_mul_overflow(a, b, r); }

/* Is s valid UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF)? */
bool ox_utf8_valid(const char *s, size_t n);

/* The candidate nearest to word by edit distance, for "did you mean"; NULL if none is
 * near enough (distance <= 1 + length/3). */
const char *ox_nearest(const char *word, const char *const *candidates, size_t n);

#endif
