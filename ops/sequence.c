/* sequence.c - sequences of tensors. */
#include "ops/op.h"

/* ConcatFromSequence */
bool infer_concat_from_sequence(ox_infer *c)
{
	(void)c;
	return true;
}

/* SequenceAt */
bool infer_sequence_at(ox_infer *c)
{
	(void)c;
	return true;
}

/* SequenceConstruct */
bool infer_sequence_construct(ox_infer *c)
{
	(void)c;
	return true;
}

/* SequenceEmpty */
bool infer_sequence_empty(ox_infer *c)
{
	(void)c;
	return true;
}

/* SequenceErase */
bool infer_sequence_erase(ox_infer *c)
{
	(void)c;
	return true;
}

/* SequenceInsert */
bool infer_sequence_insert(ox_infer *c)
{
	(void)c;
	return true;
}

/* SequenceLength */
bool infer_sequence_length(ox_infer *c)
{
	(void)c;
	return true;
}

/* SequenceMap */
bool infer_sequence_map(ox_infer *c)
{
	(void)c;
	return true;
}

/* SplitToSequence */
bool infer_split_to_sequence(ox_infer *c)
{
	(void)c;
	return true;
}
