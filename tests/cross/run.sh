#!/bin/sh
# run.sh BUILD - the tool against the onnx package, in a virtual environment in BUILD:
# our schema and tables field by field, round trips, text, the checker, the sweep.
# CASES: a folder of operator cases; by default unpacked from ../shared/conformance.
set -eu
build=$1
cd "$(dirname "$0")/../.."
[ -x "$build/venv/bin/python" ] || {
	python3 -m venv "$build/venv"
	"$build/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy
}
python=$build/venv/bin/python
cases=${CASES:-$build/conformance}
if [ ! -d "$cases" ] && [ -f ../shared/conformance/onnx-node-1.23.2.tar.xz ]; then
	mkdir -p "$cases"
	tar xJf ../shared/conformance/onnx-node-1.23.2.tar.xz -C "$cases"
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
step "$python" tests/cross/proto.py
step "$python" tests/cross/schema.py --tool "$build/onnxopt"
# shellcheck disable=SC2086
{
	step "$python" tests/cross/roundtrip.py --tool "$build/onnxopt" $folders
	step "$python" tests/cross/text.py --tool "$build/onnxopt" $folders
	step "$python" tests/cross/check.py --tool "$build/onnxopt" $folders
	step "$python" tests/cross/sweep.py --tool "$build/onnxopt" $folders
}
step "$python" tests/cross/infer_bodies.py --tool "$build/onnxopt"
exit $failed
