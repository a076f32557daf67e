#!/bin/sh
# run.sh BUILD - the tool against the onnx package, in a virtual environment in BUILD:
# our schema and tables field by field, round trips, text, the checker, the sweep; then, or
# alone with STEPS=infer, what inference proves.
# CASES: a folder of operator cases; by default those of ../shared/conformance, or made anew.
set -eu
build=$1
cd "$(dirname "$0")/../.."
[ -x "$build/venv/bin/python" ] || {
	python3 -m venv "$build/venv"
	"$build/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy sympy
}
python=$build/venv/bin/python
cases=${CASES:-$build/conformance}
if [ ! -d "$cases" ] && [ -f ../shared/conformance/onnx-node-1.23.2.tar.xz ]; then
	mkdir -p "$cases"
	tar xJf ../shared/conformance/onnx-node-1.23.2.tar.xz -C "$cases"
fi
if [ ! -d "$cases" ]; then
	"$python" tests/cross/conformance.py "$build/cases"
	cases=$build/cases/node
fi
folders="tests/models"
for d in ../shared/models "$cases"; do
	[ -d "$d" ] && folders="$folders $d"
done
failed=0
step() {
	echo "== $*"
	"$@" || failed=1
}
# shellcheck disable=SC2086
[ "${STEPS:-all}" = infer ] || {
	step "$python" tests/cross/proto.py
	step "$python" tests/cross/schema.py --tool "$build/onnxopt"
	step "$python" tests/cross/roundtrip.py --tool "$build/onnxopt" $folders
	step "$python" tests/cross/text.py --tool "$build/onnxopt" $folders
	step "$python" tests/cross/check.py --tool "$build/onnxopt" $folders
	step "$python" tests/cross/sweep.py --tool "$build/onnxopt" $folders
	step "$python" tests/cross/npy.py --tool "$build/onnxopt"
}
"$python" -c 'import sympy' 2>/dev/null || "$build/venv/bin/pip" install -q sympy
# shellcheck disable=SC2086
step "$python" tests/cross/infer_true.py --tool "$build/onnxopt" $folders
[ ! -d ../shared/models ] || step "$python" tests/cross/infer_strong.py --tool "$build/onnxopt" --models ../shared/models
[ ! -d "$cases" ] || {
	step "$python" tests/cross/infer_strong.py --tool "$build/onnxopt" --cases "$cases"
	step "$python" tests/cross/infer_ops.py --tool "$build/onnxopt" "$cases"
	bad=$build/onnxopt
	[ ! -x "$build/asan/onnxopt" ] || bad=$build/asan/onnxopt
	step "$python" tests/cross/infer_bad.py --tool "$bad" "$cases"
}
step "$python" tests/cross/infer_fuzz.py --tool "$build/onnxopt"
step "$python" tests/cross/infer_bodies.py --tool "$build/onnxopt"
[ ! -d "$cases" ] || step "$python" tests/cross/eval.py --tool "$build/onnxopt" --least 1055 "$cases"
step "$python" tests/cross/fold_large.py --tool "$build/onnxopt"
step "$python" tests/cross/fold_large.py --tool "$build/onnxopt" --external
step "$python" tests/cross/fuzz_passes.py --tool "$build/onnxopt"
step "$python" tests/cross/fuzz_transposes.py --tool "$build/onnxopt"
exit $failed
