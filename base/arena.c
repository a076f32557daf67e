/* arena.c - bump allocation: a run allocates a lot and frees once.
 *
 * Fresh pages cost more than anything done with them (about 0.5 ms per MB), so blocks
 * start small for tiny models and double up to 2 MB. From there on they are huge pages: a
 * model of 200 MB has 50,000 small ones, which the system must hand out one by one, and
 * every walk over it misses the TLB at each of them. For the same reason blocks outlive a
 * reset: what is computed again and again, such as the samples of a window, finds them warm.
 */
#include "base/base.h"

#include "base/os.h"

#include <stdio.h>
#include <stdlib.h>

/* Under AddressSanitizer the unused part of a block is poisoned and every allocation is
 * followed by a gap, so that a write past its end is caught as it would be with malloc. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define HIDE(p, n) __asan_poison_memory_region((p), (n))
#define SHOW(p, n) __asan_unpoison_memory_region((p), (n))
enum { GAP = 16 };
#else
#define HIDE(p, n) ((void)(p), (void)(n))
#define SHOW(p, n) ((void)(p), (void)(n))
enum { GAP = 0 };
#endif

enum { FIRST_BLOCK = 16 << 10, LARGEST_BLOCK = OX_HUGE, ALIGN = 16, MOST_SPARE = 128 << 20 };

struct ox_block {
	ox_block *next;
	size_t size;          /* of data */
	bool pages;           /* from ox_os_pages, else from malloc */
	_Alignas(ALIGN) uint8_t data[];
};

static _Noreturn void out_of_memory(ox_heap *heap)
{
	if (heap && heap->escape)
		longjmp(*heap->escape, 1);
	fputs("onnxopt: out of memory\n", stderr);
	abort();
}

static void block_free(ox_heap *heap, ox_block *b)
{
	if (heap)
		heap->used -= sizeof *b + b->size;
	SHOW(b->data, b->size);
	if (b->pages)
		ox_os_pages_free(b, sizeof *b + b->size);
	else
		free(b);
}

static void free_all(ox_heap *heap, ox_block *b)
{
	for (ox_block *next; b; b = next) {
		next = b->next;
		block_free(heap, b);
	}
}

static bool has_room(const ox_heap *heap, size_t total)
{
	return !heap || !heap->limit || (total <= heap->limit && heap->used <= heap->limit - total);
}

/* The smallest that was kept and has room, unless it is far too large. NULL: there is none. */
static ox_block *take_spare(ox_arena *a, size_t size)
{
	ox_block **best = NULL;

	for (ox_block **p = &a->spare; *p; p = &(*p)->next)
		if ((*p)->size >= size && (*p)->size / 2 <= size && (!best || (*p)->size < (*best)->size))
			best = p;
	if (!best)
		return NULL;
	ox_block *b = *best;
	*best = b->next;
	return b;
}

static ox_block *block_new(ox_arena *a, size_t size, bool *clean)
{
	ox_heap *heap = a->heap;
	ox_block *spare = take_spare(a, size);
	size_t total;

	*clean = false;
	if (spare)
		return spare;
	if (!ox_add_size(size, sizeof(ox_block), &total))
		out_of_memory(heap);
	if (!has_room(heap, total)) {
		free_all(heap, a->spare);
		a->spare = NULL;
	}
	if (!has_room(heap, total))
		out_of_memory(heap);
	const bool pages = total >= OX_PAGES_FROM;
	ox_block *b = pages ? ox_os_pages(total) : malloc(total);
	if (!b)
		out_of_memory(heap);
	if (heap) {
		heap->used += total;
		if (heap->used > heap->peak)
			heap->peak = heap->used;
	}
	*clean = pages;
	b->size = size;
	b->pages = pages;
	HIDE(b->data, size);
	return b;
}

void ox_arena_init(ox_arena *a, ox_heap *heap)
{
	*a = (ox_arena){.heap = heap};
}

void ox_arena_free(ox_arena *a)
{
	free_all(a->heap, a->blocks);
	free_all(a->heap, a->spare);
	*a = (ox_arena){.heap = a->heap};
}

/* Before those that are spare already. Of these the ones go that were not wanted for longest. */
static void keep(ox_arena *a, ox_block *blocks)
{
	ox_block **p = &blocks;
	size_t total = 0;

	while (*p)
		p = &(*p)->next;
	*p = a->spare;
	a->spare = blocks;
	for (p = &a->spare; *p; p = &(*p)->next) {
		total += (*p)->size;
		if (total > MOST_SPARE)
			break;
	}
	free_all(a->heap, *p);
	*p = NULL;
}

void ox_arena_reset(ox_arena *a)
{
	if (!a->blocks)
		return;
	for (ox_block *b = a->blocks->next; b; b = b->next)
		HIDE(b->data, b->size);
	keep(a, a->blocks->next);
	a->blocks->next = NULL;
	a->at = a->blocks->data;
	a->end = a->at + a->blocks->size;
	a->clean = false;
	HIDE(a->at, a->blocks->size);
	a->used = 0;
}

/* A block of its own for what is large, so that the current block is not wasted. */
static ox_block *add_large(ox_arena *a, size_t size, bool *clean)
{
	ox_block *b = block_new(a, size, clean);

	if (a->blocks) {
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = NULL;
		a->blocks = b;
		a->at = a->end = b->data + b->size;
	}
	return b;
}

/* A new current block with room for size; of full size it is whole pages, header included. */
static void add_block(ox_arena *a, size_t size)
{
	size_t want = a->blocks ? (sizeof(ox_block) + a->blocks->size) * 2 : FIRST_BLOCK;

	if (want > LARGEST_BLOCK)
		want = LARGEST_BLOCK;
	want -= sizeof(ox_block);
	if (want < size)
		want = size;
	ox_block *b = block_new(a, want, &a->clean);
	b->next = a->blocks;
	a->blocks = b;
	a->at = b->data;
	a->end = b->data + b->size;
}

static size_t rounded(const ox_arena *a, size_t size)
{
	if (size > SIZE_MAX - ALIGN - GAP)
		out_of_memory(a->heap);
	return (size + GAP + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* *clean: what is given is zero already. */
static inline void *take(ox_arena *a, const size_t asked, bool *clean)
{
	const size_t size = rounded(a, asked);
	uint8_t *p;

	a->used += size;
	if (size > (size_t)(a->end - a->at) && size > LARGEST_BLOCK / 4) {
		p = add_large(a, size, clean)->data;
	} else {
		if (size > (size_t)(a->end - a->at))
			add_block(a, size);
		*clean = a->clean;
		p = a->at;
		a->at += size;
	}
	SHOW(p, asked);
	return p;
}

void *ox_alloc_raw(ox_arena *a, size_t size)
{
	bool clean;

	return take(a, size, &clean);
}

void *ox_alloc(ox_arena *a, size_t size)
{
	bool clean;
	void *p = take(a, size, &clean);

	return clean || !size ? p : memset(p, 0, size);
}

void *ox_alloc_array(ox_arena *a, size_t count, size_t size)
{
	size_t total;

	if (!ox_mul_size(count, size, &total))
		out_of_memory(a->heap);
	return ox_alloc(a, total);
}

void *ox_grow(ox_arena *a, void *old, size_t count, size_t *cap, size_t size)
{
	size_t want = *cap ? *cap * 2 : 4, total;

	if (want < *cap || !ox_mul_size(want, size, &total))
		out_of_memory(a->heap);
	uint8_t *p = ox_alloc_raw(a, total);
	if (count)
		memcpy(p, old, count * size);
	memset(p + count * size, 0, total - count * size);
	*cap = want;
	return p;
}

ox_str ox_str_copy(ox_arena *a, ox_str s)
{
	if (!s.p)
		return s;
	char *p = ox_alloc_raw(a, s.n + 1);
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = 0;
	return (ox_str){p, s.n};
}

ox_str ox_str_printf(ox_arena *a, const char *fmt, ...)
{
	va_list ap;

	assert(fmt);
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	char *p = ox_alloc_raw(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return (ox_str){p, (size_t)n};
}
