/* Strings: joined, split, normalized, matched, counted. */
#include "eval_kit.h"

#include "ops/regex.h"

Test(string, joined_and_split)
{
	check("string[2] {\"a\", \"\"}; string {\"b\"}", "StringConcat (a, b)", "string[2] {\"ab\", \"b\"}");
	check("string[2] {\"a,,b\", \"c\"}", "StringSplit <delimiter = \",\"> (a)",
	      "string[2,3] {\"a\", \"\", \"b\", \"c\", \"\", \"\"}");
	check_output(23, "string[2] {\"a,,b\", \"c\"}", "StringSplit <delimiter = \",\"> (a)", 1, "int64[2] {3, 1}");
	check("string[1] {\"  a  b c \"}", "StringSplit <maxsplit = 1> (a)", "string[1,2] {\"a\", \"b c\"}");
	check("string[2] {\"\", \"  \"}", "StringSplit (a)", "string[2,0] {}");
	check("string {\"a b\"}", "StringSplit (a)", "string[2] {\"a\", \"b\"}");
	check("string[0] {}", "StringSplit (a)", "string[0,0] {}");
	check("string[1] {\"aaaaa\"}", "StringSplit <delimiter = \"aa\"> (a)", "string[1,3] {\"\", \"\", \"a\"}");
}

Test(string, normalized)
{
	check("string[3] {\"Mon\", \"tue\", \"MON\"}", "StringNormalizer <stopwords = [\"mon\"], case_change_action = \"UPPER\"> (a)",
	      "string[1] {\"TUE\"}");
	check("string[2] {\"Mon\", \"mon\"}", "StringNormalizer <stopwords = [\"mon\"], is_case_sensitive = 1> (a)",
	      "string[1] {\"Mon\"}");
	check("string[1,1] {\"mon\"}", "StringNormalizer <stopwords = [\"mon\"]> (a)", "string[1,1] {\"\"}");
	check("string[2] {\"ÄÖÿ\", \"привет\"}", "StringNormalizer <case_change_action = \"UPPER\"> (a)",
	      "string[2] {\"ÄÖŸ\", \"ПРИВЕТ\"}");
	check("string[1] {\"ß\"}", "StringNormalizer <case_change_action = \"LOWER\"> (a)", "string[1] {\"ß\"}");
	check("string[1] {\"ß\"}", "StringNormalizer <case_change_action = \"UPPER\"> (a)", "!no case");
	check("string[2,1] {\"a\", \"b\"}", "StringNormalizer (a)", "!one row");
}

static void matches(const char *pattern, const char *text, bool expected)
{
	ox_heap heap = {0};
	ox_arena a;
	const char *why = NULL;

	ox_arena_init(&a, &heap);
	ox_regex *r = ox_regex_new(&a, ox_cstr(pattern), &why);
	cr_expect(r, "%s: %s", pattern, why);
	cr_expect(!r || ox_regex_matches(r, ox_cstr(text)) == expected, "%s on \"%s\"", pattern, text);
	ox_arena_free(&a);
}

static void refused(const char *pattern, const char *part)
{
	ox_heap heap = {0};
	ox_arena a;
	const char *why = NULL;

	ox_arena_init(&a, &heap);
	cr_expect(!ox_regex_new(&a, ox_cstr(pattern), &why) && strstr(why, part), "%s", pattern);
	ox_arena_free(&a);
}

Test(string, patterns_match_all_of_a_text)
{
	matches("", "", true);
	matches("", "a", false);
	matches("a|b|cd", "cd", true);
	matches("(a|ab)(c|bcd)", "abcd", true);
	matches("a{2,3}", "aa", true);
	matches("a{2,3}", "aaaa", false);
	matches("(a{0}b){2}?", "bb", true);
	matches("a{,2}", "a{,2}", true);
	matches("()*a", "a", true);
	matches("(a*)*", "aaa", true);
	matches(".", "é", true);
	matches(".", "\n", false);
	matches("(?s:.)", "\n", true);
	matches("a.(?-i)", "ab", true);
	matches("(?i)straSSe", "STRASSE", true);
	matches("(?i)k", "\u212a", true);
	matches("[^a-c\\d]", "z", true);
	matches("[^a-c\\d]", "7", false);
	matches("[]a]+", "]a", true);
	matches("[[:alpha:][:^print:]-]+", "a-\n", true);
	matches("\\x{65e5}\\x41\\101\\Q.*\\E", "日AA.*", true);
	matches("\\ba+\\b \\w+", "aa b1", true);
	matches("(?m)a$\n^b", "a\nb", true);
	matches("a$\n^b", "a\nb", false);
	matches("(?P<x>a+)+", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false);
}

Test(string, what_is_no_pattern_is_refused)
{
	static const char *const wrong[] = {"(", ")", "a**", "*a", "a{1001}", "[b-a]", "[a", "\\1", "\\", "(?<x", "[[:no:]]",
	                                    "(?x)a", "a{2}{3}", "\\x{110000}"};

	for (size_t i = 0; i < OX_LEN(wrong); i++)
		refused(wrong[i], "no regular expression");
	refused("\\pL", "not known here");
	refused("(?i)é", "not known here");
	refused("((a{1000}){1000}){1000}", "too large");
	check("string {\"a\"}", "RegexFullMatch <pattern = \"(\"> (a)", "!no regular expression");
	check("string[2] {\"a\", \"b\"}", "RegexFullMatch <pattern = \"[a]\"> (a)", "bool[2] {1, 0}");
}

Test(string, ngrams_are_counted)
{
	check("int64[6] {1, 2, 1, 3, 1, 2}",
	      "TfIdfVectorizer <mode = \"TF\", min_gram_length = 1, max_gram_length = 2, max_skip_count = 1,"
	      " ngram_counts = [0, 1], ngram_indexes = [2, 0], pool_int64s = [1, 1, 2]> (a)",
	      "float[3] {2.0, 0.0, 3.0}");
	check("string[2,2] {\"a\", \"a\", \"b\", \"c\"}",
	      "TfIdfVectorizer <mode = \"IDF\", min_gram_length = 1, max_gram_length = 1, max_skip_count = 0,"
	      " ngram_counts = [0], ngram_indexes = [0, 1], pool_strings = [\"a\", \"b\"], weights = [0.5, 3.0]> (a)",
	      "float[2,2] {0.5, 0.0, 0.0, 3.0}");
	check("int64[1] {1}", "TfIdfVectorizer <mode = \"TF\", min_gram_length = 2, max_gram_length = 2, max_skip_count = 0,"
	      " ngram_counts = [0, 0], ngram_indexes = [0], pool_int64s = [1, 2, 3]> (a)", "!divide the pool");
	check("int64[1] {1}", "TfIdfVectorizer <mode = \"TF\", min_gram_length = 1, max_gram_length = 1, max_skip_count = 0,"
	      " ngram_counts = [0], ngram_indexes = [0], pool_int64s = [1, 2]> (a)", "!no column");
}
