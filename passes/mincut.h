/* mincut.h - the cheapest way to part a network: max-flow along shortest ways. */
#ifndef OX_MINCUT_H
#define OX_MINCUT_H

#include "base/base.h"

enum { OX_CUT_SOURCE, OX_CUT_SINK, OX_CUT_FIRST };   /* nodes; others from FIRST on */

typedef struct ox_cut ox_cut;

ox_cut  *ox_cut_new(ox_arena *a);
uint32_t ox_cut_node(ox_cut *k);
/* Costs so much where `from` is on the source's side and `to` is not; UINT32_MAX: never. */
void     ox_cut_edge(ox_cut *k, uint32_t from, uint32_t to, uint32_t cost);
/* The least cost of a cut. */
uint64_t ox_cut_solve(ox_cut *k);
/* Of the cheapest cuts the one that leaves the source least: is n on its side? */
bool     ox_cut_with_source(const ox_cut *k, uint32_t n);

#endif
