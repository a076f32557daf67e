/* data.c - where values from files live. */
#include "proto/data.h"

#include <unistd.h>

static const uint64_t most_inflated = UINT64_C(8) << 30;

ox_store *ox_store_new(ox_heap *heap)
{
	ox_model *m = ox_model_new(heap);
	ox_store *s = ox_new(&m->arena, ox_store);

	s->m = m;
	s->max_inflated = heap && heap->limit ? heap->limit : most_inflated;
	return s;
}

void ox_store_free(ox_store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->maps.n; i++)
		ox_map_close(&s->maps.p[i]);
	ox_model_free(s->m);
}

const ox_map *ox_store_map(ox_store *s, const char *path, ox_diag *d)
{
	ox_map *m = ox_push(&s->m->arena, &s->maps);

	*m = (ox_map){.fd = -1};
	if (!ox_map_open(m, path, d)) {
		s->maps.n--;
		return NULL;
	}
	/* the mapping is enough, and there may be more files than descriptors */
	if (m->fd > 2)
		close(m->fd);
	m->fd = -1;
	return m;
}
