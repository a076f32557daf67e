/* ir_dump.h - a model as memory: every field that an edit may change, pointers included.
 *
 * Two dumps are equal only if nothing at all has changed in between.
 */
#ifndef IR_DUMP_H
#define IR_DUMP_H

#include "ir/ir.h"

#include <stdio.h>

static inline void dump_value(FILE *f, const ox_value *v)
{
	fprintf(f, "  v %p %s g%p def%p type%p t%p s%p car%p out%u home%d ovr%d pin%d in%d nout%d:",
	        (void *)v, v->name->s, (void *)v->graph, (void *)v->def, (const void *)v->type,
	        (void *)v->tensor, (void *)v->sparse, (void *)v->carrier, v->out, v->home,
	        v->overridable, v->pinned, v->is_input, v->noutput);
	for (const ox_use *u = v->uses; u; u = u->next)
		fprintf(f, " %p<%p", (const void *)u, (const void *)u->prev);
	fprintf(f, " names%d\n", v->name->values);
}

static inline void dump_graph(FILE *f, const ox_graph *g)
{
	fprintf(f, "graph %p parent%p n%u depth%u first%p last%p\n", (const void *)g,
	        (void *)g->parent, g->nnodes, g->depth, (void *)g->first, (void *)g->last);
	for (size_t i = 0; i < g->inputs.n; i++) {
		fprintf(f, " i type%p\n", (const void *)g->inputs.p[i].type);
		dump_value(f, g->inputs.p[i].val);
	}
	for (size_t i = 0; i < g->inits.n; i++)
		dump_value(f, g->inits.p[i]);
	for (size_t i = 0; i < g->sparse.n; i++)
		dump_value(f, g->sparse.p[i]);
	ox_foreach_node(n, g) {
		fprintf(f, " names %p %p %p\n", (void *)n->domain, (void *)n->overload, (const void *)n->name.p);
		fprintf(f, " n %p id%u op%d %s g%p prev%p next%p nin%u nout%u nattr%u in%p attr%p\n",
		        (void *)n, n->id, (int)n->op, n->op_type->s, (void *)n->graph, (void *)n->prev,
		        (void *)n->next, n->nin, n->nout, n->nattr, (void *)n->in, (void *)n->attr);
		for (uint32_t i = 0; i < n->nin; i++)
			fprintf(f, "  u %p val%p next%p prev%p i%u\n", (void *)&n->in[i], (void *)n->in[i].val,
			        (void *)n->in[i].next, (void *)n->in[i].prev, n->in[i].index);
		for (uint32_t i = 0; i < n->nout; i++)
			if (n->out[i])
				dump_value(f, n->out[i]);
		for (uint32_t i = 0; i < n->nattr; i++) {
			if (n->attr[i].type == OX_A_GRAPH && n->attr[i].g->parent != n)
				fprintf(f, "  not its parent\n");
			fprintf(f, "  a %s %d %lld\n", n->attr[i].name->s, (int)n->attr[i].type,
			        (long long)n->attr[i].i);
			if (n->attr[i].type == OX_A_GRAPH)
				dump_graph(f, n->attr[i].g);
		}
	}
	for (size_t i = 0; i < g->outputs.n; i++)
		fprintf(f, " o %s val%p type%p\n", g->outputs.p[i]->name->s,
		        (void *)g->outputs.p[i]->use.val, (const void *)g->outputs.p[i]->type);
	for (size_t i = 0; i < g->value_info.n; i++)
		fprintf(f, " i %s val%p type%p\n", g->value_info.p[i].name->s,
		        (void *)g->value_info.p[i].val, (const void *)g->value_info.p[i].type);
	for (size_t i = 0; i < g->annotations.n; i++)
		fprintf(f, " q val%p\n", (void *)g->annotations.p[i].tensor.val);
}

static inline char *dump(const ox_model *m)
{
	char *s = NULL;
	size_t n;
	FILE *f = open_memstream(&s, &n);

	fprintf(f, "has%d ", m->has_ir_version);
	fprintf(f, "edits%llu next%u ir%lld overlaps%zu\n", (unsigned long long)m->edits, m->next_id,
	        (long long)m->ir_version, m->overlaps.n);
	dump_graph(f, m->graph);
	for (size_t i = 0; i < m->functions.n; i++) {
		fprintf(f, "function dead%d\n", m->functions.p[i]->dead);
		dump_graph(f, m->functions.p[i]->body);
	}
	fclose(f);
	return s;
}

#endif
