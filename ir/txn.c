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
	assert(ox_txn_open(m));
	m->journal->open = false;
}

void ox_txn_abandon(ox_model *m)
{
	ox_journal *j = m->journal;

	assert(ox_txn_open(m));
	for (const ox_kept *k = j->kept; k; k = k->older)
		memcpy(k->at, k->old, k->n);
	for (size_t i = 0; i < j->fresh.n; i++)
		j->fresh.p[i]->released = true;
	m->edits = j->edits;
	m->next_id = j->next_id;
	j->touched.n = j->renamed.n = 0;
	j->open = false;
}

bool ox_txn_open(const ox_model *m)
{
	return ox_journalling(m);
}

size_t ox_txn_size(const ox_model *m)
{
	return ox_journalling(m) ? (size_t)(m->edits - m->journal->edits) : 0;
}

static void touch(ox_journal *j, ox_node *n)
{
	if (n->stamp == j->serial)
		return;
	n->stamp = j->serial;
	*ox_push(&j->arena, &j->touched) = n;
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
	for (size_t i = 0; i < j->renamed.n; i++)
		for (const ox_use *u = j->renamed.p[i]->uses; u; u = u->next)
			if (u->reader == OX_READ_NODE)
				touch(j, u->node);
	j->renamed.n = 0;
	for (size_t i = 0; i < j->touched.n; i++)
		if (j->touched.p[i]->graph)
			f(user, j->touched.p[i]);
}
