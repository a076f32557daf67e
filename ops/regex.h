/* regex.h - regular expressions as RE2 writes them, matched in time that is linear in the text. */
#ifndef OX_REGEX_H
#define OX_REGEX_H

#include "base/base.h"

typedef struct ox_regex ox_regex;

/* NULL: *why, static: no regular expression, or more than we know. */
ox_regex *ox_regex_new(ox_arena *a, ox_str pattern, const char **why);
uint64_t  ox_regex_size(const ox_regex *r);           /* operations per character, at most */
/* Does all of the text, valid UTF-8, match? */
bool      ox_regex_matches(ox_regex *r, ox_str text);

#endif
