/* foreign.c - what a file is that is not an ONNX model, so that the refusal can help.
 *
 * Asked only after the preflight has refused the bytes or found no graph in them, hence a
 * model can never be mistaken for something else.
 */
#include "proto/internal.h"

#include <strings.h>

typedef struct magic {
	uint8_t at, n;
	const char *bytes;
	const char *what;
} magic;

#define M(at, bytes, what) {at, sizeof(bytes) - 1, bytes, what}

static const magic magics[] = {
	M(0, "\x89PNG", "this is a PNG image, not an ONNX model"),
	M(0, "\xff\xd8\xff", "this is a JPEG image, not an ONNX model"),
	M(0, "%PDF-", "this is a PDF document, not an ONNX model"),
	M(0, "\x7f" "ELF", "this is a program or library (ELF), not an ONNX model"),
	M(0, "PK\3\4", "this is a zip archive (a PyTorch .pt, a Keras or numpy file?), not an ONNX model; export or unpack it first"),
	M(0, "\x1f\x8b", "this is gzip-compressed; unpack it first (gunzip)"),
	M(0, "\xfd" "7zXZ\0", "this is xz-compressed; unpack it first (unxz)"),
	M(0, "\x28\xb5\x2f\xfd", "this is zstd-compressed; unpack it first (unzstd)"),
	M(0, "BZh", "this is bzip2-compressed; unpack it first (bunzip2)"),
	M(0, "7z\xbc\xaf\x27\x1c", "this is a 7z archive; unpack it first"),
	M(4, "TFL3", "this is a TensorFlow Lite model, not an ONNX model; convert it first"),
	M(4, "ORTM", "this is an ORT-format model (FlatBuffers); give the .onnx file that it was made from"),
	M(0, "GGUF", "this is a GGUF file: weights of a language model, not an ONNX model"),
	M(0, "\x89HDF", "this is an HDF5 file (Keras weights?), not an ONNX model; export it first"),
	M(0, "\x93NUMPY", "this is a numpy array, not an ONNX model"),
	M(0, "\x80\2", "this is a Python pickle (an old PyTorch checkpoint?), not an ONNX model; export it first"),
	M(0, "\x80\3", "this is a Python pickle, not an ONNX model"),
	M(0, "\x80\4", "this is a Python pickle, not an ONNX model"),
	M(0, "\x80\5", "this is a Python pickle, not an ONNX model"),
	M(0, "version https://git-lfs", "this is a Git LFS pointer, not the model itself; run `git lfs pull`"),
};

#undef M

/* safetensors: the length of a JSON header, then the header. */
static bool is_safetensors(const uint8_t *p, size_t n)
{
	uint64_t length = 0;

	if (n < 10)
		return false;
	for (unsigned i = 0; i < 8; i++)
		length |= (uint64_t)p[i] << (8 * i);
	return length <= n - 8 && p[8] == '{';
}

static bool is_text(const uint8_t *p, size_t n)
{
	const size_t look = n < 512 ? n : 512;

	for (size_t i = 0; i < look; i++)
		if ((p[i] < 0x20 && p[i] != '\t' && p[i] != '\n' && p[i] != '\r') || p[i] == 0x7f)
			return false;
	return look > 0;
}

static bool begins(const uint8_t *p, size_t n, const char *word)
{
	const size_t len = strlen(word);

	return n >= len && strncasecmp((const char *)p, word, len) == 0;
}

static bool contains(const uint8_t *p, size_t n, const char *word)
{
	const size_t len = strlen(word);

	for (size_t i = 0; i + len <= n && i < 4096; i++)
		if (memcmp(p + i, word, len) == 0)
			return true;
	return false;
}

static const char *text_kind(const uint8_t *p, size_t n)
{
	size_t i = n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r'))
		i++;
	p += i;
	n -= i;
	if (begins(p, n, "<!doctype html") || begins(p, n, "<html") || begins(p, n, "<head"))
		return "this is an HTML page (an error page of a download?), not an ONNX model";
	if (begins(p, n, "<?xml"))
		return "this is XML (an OpenVINO model?), not an ONNX model";
	if (n && *p == '{' && contains(p, n, "\"graph\""))
		return "this is a model as JSON; only the binary form is read here";
	if (n && (*p == '{' || *p == '['))
		return "this is JSON, not an ONNX model";
	if (contains(p, n, "ir_version:") && (n && *p == '<'))
		return "this is ONNX text; name it .onnxtxt to have it parsed";
	if (begins(p, n, "ir_version:") || begins(p, n, "graph {") || begins(p, n, "producer_name:"))
		return "this is a model in protobuf's text format; only the binary form is read here";
	return "this is a text file, not an ONNX model";
}

/* Other messages of ONNX, told by what they cannot do without. */
static const char *bare_message(const uint8_t *p, size_t n)
{
	static const struct {
		ox_wire_kind kind;
		uint32_t needs;       /* singular fields, by number */
		const char *what;
	} bare[] = {
		{OX_K_TENSOR, 1 << 2, "this is a single tensor (TensorProto, test data?), not a model"},
		{OX_K_GRAPH, 1 << 2, "this is a bare graph (GraphProto), not a model"},
		{OX_K_FUNCTION, 1 << 1 | 1 << 10, "this is a bare function (FunctionProto), not a model"},
		{OX_K_VALUE, 1 << 1 | 1 << 2, "this is a bare ValueInfoProto, not a model"},
		{OX_K_NODE, 1 << 4, "this is a bare node (NodeProto), not a model"},
	};
	ox_wire_stats stats;
	ox_wire_fault fault;

	for (size_t i = 0; i < OX_LEN(bare); i++)
		if (ox_wire_walk(bare[i].kind, p, n, &stats, &fault, NULL) && !stats.unknown
		    && (stats.root_seen & bare[i].needs) == bare[i].needs)
			return bare[i].what;
	return NULL;
}

const char *ox_foreign(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < OX_LEN(magics); i++)
		if (n >= (size_t)magics[i].at + magics[i].n
		    && memcmp(p + magics[i].at, magics[i].bytes, magics[i].n) == 0)
			return magics[i].what;
	if (is_safetensors(p, n))
		return "this is a safetensors file: weights without a graph, not an ONNX model";
	if (is_text(p, n))
		return text_kind(p, n);
	return bare_message(p, n);
}
