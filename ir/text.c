/* text.c - the tables and words that the printer and the parser of ONNX text share. */
#include "ir/text.h"

const char *const ox_text_subjects[OX_NSUBJECTS] = {
#define S(ident, word) word,
	OX_SUBJECTS(S)
#undef S
};

const ox_directive_row ox_text_directives[OX_NDIRECTIVES] = {
	[OX_D_DOC]     = {OX_NSUBJECTS, "doc", "STRING"},
	[OX_D_PROP]    = {OX_NSUBJECTS, "prop", "STRING STRING"},
	[OX_D_UNKNOWN] = {OX_NSUBJECTS, "unknown", "BYTES"},
#define D(subject, word, ident, args) [OX_D_##ident] = {OX_ON_##subject, word, args},
	OX_DIRECTIVES(D)
#undef D
};

const ox_constant_row ox_text_constants[OX_NDTYPES] = {
	[OX_F32] = {4, OX_C_FLOAT},           [OX_F64] = {8, OX_C_FLOAT},
	[OX_C64] = {4, OX_C_FLOAT},           [OX_C128] = {8, OX_C_FLOAT},
	[OX_U8] = {1, OX_C_UNSIGNED},         [OX_I8] = {1, OX_C_SIGNED},
	[OX_U16] = {2, OX_C_UNSIGNED},        [OX_I16] = {2, OX_C_SIGNED},
	[OX_U32] = {4, OX_C_UNSIGNED},        [OX_I32] = {4, OX_C_SIGNED},
	[OX_U64] = {8, OX_C_UNSIGNED},        [OX_I64] = {8, OX_C_SIGNED},
	[OX_BOOL] = {1, OX_C_UNSIGNED},       [OX_F16] = {2, OX_C_UNSIGNED},
	[OX_BF16] = {2, OX_C_UNSIGNED},       [OX_F8E4M3FN] = {1, OX_C_UNSIGNED},
	[OX_F8E4M3FNUZ] = {1, OX_C_UNSIGNED}, [OX_F8E5M2] = {1, OX_C_UNSIGNED},
	[OX_F8E5M2FNUZ] = {1, OX_C_UNSIGNED}, [OX_F8E8M0] = {1, OX_C_UNSIGNED},
	[OX_U4] = {1, OX_C_UNSIGNED},         [OX_I4] = {1, OX_C_SIGNED},
	[OX_F4E2M1] = {1, OX_C_UNSIGNED},     [OX_U2] = {1, OX_C_UNSIGNED},
	[OX_I2] = {1, OX_C_SIGNED},           [OX_STRING] = {sizeof(ox_str), OX_C_STRING},
};

const ox_constructor_row ox_text_constructors[OX_NCONSTRUCTORS] = {
	{"seq", OX_T_SEQUENCE}, {"optional", OX_T_OPTIONAL}, {"map", OX_T_MAP},
	{"sparse_tensor", OX_T_SPARSE}, {"opaque", OX_T_OPAQUE},
};

bool ox_text_is_type_word(const char *s, size_t n)
{
	for (size_t i = 0; i < OX_NCONSTRUCTORS; i++) {
		const char *word = ox_text_constructors[i].word;
		if (strlen(word) == n && memcmp(s, word, n) == 0)
			return true;
	}
	return ox_dtype_parse(s, n) != OX_UNDEFINED;
}

bool ox_text_is_float_word(const char *s, size_t n)
{
	static const char *const words[] = {"nan", "inf", "infinity"};

	for (size_t w = 0; w < OX_LEN(words); w++) {
		size_t i = 0;
		while (i < n && words[w][i] && (s[i] | 0x20) == words[w][i])
			i++;
		if (i == n && !words[w][i])
			return true;
	}
	return false;
}
