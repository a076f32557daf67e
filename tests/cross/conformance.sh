#!/bin/sh
# conformance.sh BUILD LEAST - cases and models of the onnx package, run with BUILD/onnxopt.
# The package comes from PyPI, into a virtual environment in BUILD. Where that cannot be
# reached nothing is tested: then that is said, also in BUILD/conformance.skipped, for the end of
# `make test`, and it is no failure, since a machine without network has all other tests to run
# and nothing wrong with its tree. CONFORMANCE=must makes it an error: for machines that have one.
build=$1
cd "$(dirname "$0")/../.." || exit 1
skipped=$build/conformance.skipped
rm -f "$skipped"

# One that has it already will do.
python=
for p in "$build/venv/bin/python" "$build/venv-onnx/bin/python"; do
	[ -x "$p" ] && "$p" -c 'import onnx, sys; sys.exit(onnx.__version__ != "1.23.2")' 2>/dev/null && python=$p
done
[ -n "$python" ] || {
	python=$build/venv-onnx/bin/python
	log=$build/venv-onnx.log
	{
		python3 -m venv "$build/venv-onnx" &&
		"$python" -m pip install -q --disable-pip-version-check --retries 3 --timeout 20 onnx==1.23.2 'numpy<3'
	} >"$log" 2>&1 || {
		echo "conformance: NOT TESTED, because the package onnx 1.23.2 could not be installed:"
		tail -n 3 "$log" | sed 's/^/    /'
		echo "the cases of onnx (no package: $log)" > "$skipped"
		[ "$CONFORMANCE" = must ] && exit 1
		exit 0
	}
}
exec "$python" tests/cross/conformance.py --tool "$build/onnxopt" --least "$2" "$build/cases"
