/* ort.c - asks ONNX Runtime in a child, and reads what the child says.
 *
 * The child shares its memory with a library that nobody here has read. So its answer is data
 * like any other: every length is held against what is there, every number against what it
 * may be, and what came before it ended badly counts.
 */
#include "verify/ort_parts.h"

#include <signal.h>
#include <unistd.h>

typedef struct reader {
	ox_ort_answer *x;
	ox_arena *a;
	const uint8_t *at, *end;
} reader;

/* ---- pieces ------------------------------------------------------------------------------- */

static const void *take(reader *r, uint64_t n)
{
	const void *p = r->at;

	if (n > (uint64_t)(r->end - r->at))
		return NULL;
	r->at += n;
	return p;
}

/* The first line; its sentences are long. */
static const char *text_of(reader *r, const void *bytes, uint64_t n)
{
	enum { MOST = 400 };
	const char *line = n ? memchr(bytes, '\n', n) : NULL;
	const uint64_t length = line ? (uint64_t)(line - (const char *)bytes) : n;

	return ox_str_copy(r->a, (ox_str){bytes, length < MOST ? length : MOST}).p;
}

static bool count_of(const ort_piece *p, const int64_t *dims, uint64_t *count)
{
	*count = 1;
	for (uint32_t i = 0; i < p->rank; i++)
		if (dims[i] < 0 || !ox_mul_u64(*count, (uint64_t)dims[i], count))
			return false;
	return true;
}

/* Lengths, then texts, which fill the piece to its end. */
static bool take_strings(reader *r, ox_array *x, const uint8_t *bytes, uint64_t n)
{
	uint64_t at;

	if (!ox_mul_u64(x->count, 8, &at) || at > n)
		return false;
	ox_str *list = ox_new_array(r->a, ox_str, x->count + 1);
	for (uint64_t i = 0; i < x->count; i++) {
		uint64_t length;
		memcpy(&length, bytes + 8 * i, 8);
		if (length > n - at)
			return false;
		list[i] = (ox_str){(const char *)bytes + at, length};
		at += length;
	}
	x->data = list;
	return at == n;
}

static bool take_value(reader *r, const ort_piece *p, size_t slot)
{
	uint64_t size;
	ox_array *x = ox_new(r->a, ox_array);
	const int64_t *dims = p->rank <= ORT_MAX_RANK ? take(r, p->rank * sizeof *dims) : NULL;
	const void *bytes = dims ? take(r, p->bytes) : NULL;

	x->dtype = (ox_dtype)p->dtype;
	x->rank = p->rank;
	x->dims = dims;
	if (!bytes || !count_of(p, dims, &x->count))
		return false;
	r->x->values[slot] = x;
	if (p->dtype == OX_STRING)
		return take_strings(r, x, bytes, p->bytes);
	x->data = (void *)(uintptr_t)bytes;
	return p->dtype < OX_NDTYPES && ort_takes((ox_dtype)p->dtype)
	       && ox_mul_u64(x->count, ox_elem_width((ox_dtype)p->dtype), &size) && size == p->bytes;
}

static bool take_text(reader *r, const ort_piece *p, size_t slot)
{
	ox_ort_answer *x = r->x;
	const void *bytes = take(r, p->bytes);
	const char *text = bytes ? text_of(r, bytes, p->bytes) : NULL;

	if (p->kind == ORT_LIBRARY)
		x->library = text;
	else if (p->kind == ORT_VERSION)
		x->version = text;
	else if (p->kind == ORT_NONE)
		x->why = text;
	else if (p->kind == ORT_REFUSED)
		x->refused[p->model] = text;
	else if (p->kind == ORT_FAILED)
		x->failed[p->sample * 2 + p->model] = text;
	else
		x->unread[slot] = text;
	if (p->kind == ORT_VERSION)
		x->api = p->index;
	return text;
}

static bool take_piece(reader *r)
{
	ort_piece p;
	const void *head = take(r, sizeof p);

	if (!head)
		return false;
	memcpy(&p, head, sizeof p);
	const bool of_output = p.kind == ORT_VALUE || p.kind == ORT_UNREAD;
	if (p.kind >= ORT_KINDS || p.model > 1 || (p.kind >= ORT_FAILED && p.sample >= r->x->nsamples)
	    || (of_output && p.index >= r->x->noutputs))
		return false;
	const size_t slot = of_output ? ox_ort_at(r->x, p.sample, p.model, p.index) : 0;
	if (!(p.kind == ORT_VALUE ? take_value(r, &p, slot) : take_text(r, &p, slot)))
		return false;
	return take(r, (8 - p.bytes % 8) % 8);
}

/* ---- how it ended ----------------------------------------------------------------------------- */

/* Half a value is none. */
static void forget(ox_ort_answer *x)
{
	memset(x->values, 0, x->nsamples * 2 * x->noutputs * sizeof *x->values);
}

static void judge_end(ox_ort_answer *x, const ox_child *k, const ox_ort_question *q, ox_arena *a)
{
	const char *doing = *k->what ? ox_show(a, ox_cstr(k->what)) : "beginning";

	if (k->end == OX_CHILD_HUNG)
		x->why = ox_str_printf(a, "it took longer than %.3g s, and was ended while %s", q->seconds, doing).p;
	else if (k->end == OX_CHILD_SIGNAL && k->code == SIGKILL)
		x->why = ox_str_printf(a, "it was killed while %s: was there not enough memory?", doing).p;
	else if (k->end == OX_CHILD_SIGNAL)
		x->why = ox_str_printf(a, "it crashed while %s (signal %d, %s)", doing, k->code, strsignal(k->code)).p;
	else if ((k->end == OX_CHILD_EXIT || k->code) && !x->why)
		x->why = ox_str_printf(a, "it ended its process while %s (exit %d)", doing, k->code).p;
}

void ort_answer_room(ox_ort_answer *x, ox_arena *a)
{
	const size_t n = 2 * x->nsamples;

	x->failed = ox_new_array(a, const char *, n + 1);
	x->values = ox_alloc_array(a, n + 1, (x->noutputs + 1) * sizeof *x->values);
	x->unread = ox_alloc_array(a, n + 1, (x->noutputs + 1) * sizeof *x->unread);
}

bool ort_answer_read(ox_ort_answer *x, const uint8_t *p, size_t n, ox_arena *a)
{
	reader r = {.x = x, .a = a, .at = p, .end = p + n};

	while (r.at < r.end)
		if (!take_piece(&r)) {
			forget(x);
			return false;
		}
	return true;
}

static void read_answer(ox_ort_answer *x, const ox_child *k, const ox_ort_question *q, ox_arena *a, ox_diag *d)
{
	const int fd = dup(k->text);

	if (fd < 0 || !ox_map_fd(&x->map, fd, "the answer of ONNX Runtime", d))
		x->why = "its answer cannot be read";
	else if (!ort_answer_read(x, x->map.data, x->map.size, a))
		x->why = "its answer makes no sense";
	judge_end(x, k, q, a);
}

bool ox_ort_ask(const ox_ort_question *q, ox_ort_answer *x, ox_arena *a, ox_diag *d)
{
	ox_child k;

	*x = (ox_ort_answer){.nsamples = q->nsamples, .noutputs = q->noutputs, .map = {.fd = -1}};
	ort_answer_room(x, a);
	if (!ox_child_run(&k, ort_child, (void *)(uintptr_t)q, q->seconds, d))
		return false;
	read_answer(x, &k, q, a, d);
	ox_child_free(&k);
	return true;
}

void ox_ort_free(ox_ort_answer *x)
{
	ox_map_close(&x->map);
	x->map.fd = -1;
}
