/* txn.c - transactions: edits that can be taken back, and what they touched.
 *
 * See internal.h for the journal. Committing throws it away, abandoning plays it backwards.
 */
#include "ir/internal.h"

void ox_keep_bytes(ox_model *m, void *at, size_t n)
{
	ox_journal *j = m->journal;
	ox_kept *k = ox_alloc_raw(&j->arena, sizeof *k + n);

	k->older = j->kept;
	k->at = at;
	k->n = n;
	memcpy(k->old, at, n);
	j->kept = k;
}

void ox_txn_begin(ox_model *m)
{
	if (!m->journal) {
		m->journal = ox_new(&m->arena, ox_journal);
		ox_arena_init(&m->journal->arena, m->arena.heap);
	}
	ox_journal *j = m->journal;
	assert(!j->open);
	ox_arena_reset(&j->arena);
	*j = (ox_journal){
		.arena = j->arena, .edits = m->edits, .next_id = m->next_id,
		.serial = j->serial + 1, .open = true,
	};
}

void ox_txn_commit(ox_model *m)
{
	assert(ox_txn_open(m) && !m->journal->swapped);
	m->journal->open = false;
}

void ox_txn_abandon(ox_model *m)
{
	ox_journal *j = m->journal;

	assert(ox_txn_open(m) && !j->swapped);
	for (const ox_kept *k = j->kept; k; k = k->older)
		memcpy(k->at, k->old, k->n);
	for (size_t i = 0; i < j->fresh.n; i++)
		j->fresh.p[i]->released = true;
	m->edits = j->edits;
	m->next_id = j->next_id;
	j->touched.n = j->renamed.n = 0;
	j->open = false;
}

/* Exchanges what a piece of memory holds and what it held. */
static void exchange(ox_kept *k)
{
	uint8_t *a = k->at;

	for (size_t i = 0; i < k->n; i++) {
		const uint8_t b = a[i];
		a[i] = k->old[i];
		k->old[i] = b;
	}
}

void ox_txn_swap(ox_model *m)
{
	ox_journal *j = m->journal;

	assert(ox_txn_open(m));
	/* what was kept last is undone first, and done again last: the list turns round */
	ox_kept *turned = NULL;
	for (ox_kept *k = j->kept, *older; k; k = older) {
		older = k->older;
		exchange(k);
		k->older = turned;
		turned = k;
	}
	j->kept = turned;
	j->swapped = !j->swapped;
}

static void touch(ox_journal *j, ox_node *n)
{
	if (n->stamp == j->serial)
		return;
	n->stamp = j->serial;
	*ox_push(&j->arena, &j->touched) = n;
}

/* The readers of renamed values are looked for once, when somebody asks. */
static void touch_renamed(ox_journal *j)
{
	for (size_t i = 0; i < j->renamed.n; i++)
		for (const ox_use *u = j->renamed.p[i]->uses; u; u = u->next)
			if (u->reader == OX_READ_NODE)
				touch(j, u->node);
	j->renamed.n = 0;
}

ox_node **ox_txn_touched(ox_model *m, size_t *n)
{
	assert(ox_txn_open(m) && !m->journal->swapped);
	touch_renamed(m->journal);
	*n = m->journal->touched.n;
	return m->journal->touched.p;
}

bool ox_txn_touches(const ox_model *m, const ox_node *n) { return n->stamp == m->journal->serial; }
bool ox_txn_made(const ox_model *m, const ox_node *n) { return n->id >= m->journal->next_id; }

bool ox_txn_open(const ox_model *m)
{
	return ox_journalling(m);
}

size_t ox_txn_size(const ox_model *m)
{
	return ox_journalling(m) ? (size_t)(m->edits - m->journal->edits) : 0;
}

void ox_touch_node(ox_model *m, ox_node *n)
{
	if (n && ox_journalling(m))
		touch(m->journal, n);
}

void ox_touch_readers(ox_model *m, ox_value *v)
{
	if (ox_journalling(m))
		*ox_push(&m->journal->arena, &m->journal->renamed) = v;
}

void ox_txn_each_touched(ox_model *m, void (*f)(void *user, ox_node *n), void *user)
{
	ox_journal *j = m->journal;

	if (!j)
		return;
	touch_renamed(j);
	for (size_t i = 0; i < j->touched.n; i++)
		if (j->touched.p[i]->graph)
			f(user, j->touched.p[i]);
}
