/* string.c - strings. */
#include "ops/op.h"

/* RegexFullMatch */
bool infer_regex_full_match(ox_infer *c)
{
	(void)c;
	return true;
}

/* StringConcat */
bool infer_string_concat(ox_infer *c)
{
	(void)c;
	return true;
}

/* StringNormalizer */
bool infer_string_normalizer(ox_infer *c)
{
	(void)c;
	return true;
}

/* StringSplit */
bool infer_string_split(ox_infer *c)
{
	(void)c;
	return true;
}

/* TfIdfVectorizer */
bool infer_tf_idf_vectorizer(ox_infer *c)
{
	(void)c;
	return true;
}
