#!/bin/sh
# judge.sh BUILD - the independent judge of ../shared on ../shared/models: validity,
# interface, numeric equality in ONNX Runtime, nodes and bytes beside the peers'.
set -eu
build=$1
cd "$(dirname "$0")/../.."
judge=../shared/judge
[ -d "$judge" ] || { echo "no $judge: nothing to judge with"; exit 2; }
[ -x "$build/judge/bin/python" ] || {
	python3 -m venv "$build/judge"
	"$build/judge/bin/pip" install -q -r "$judge/requirements.txt"
}
tool=$(realpath "$build/onnxopt")
"$build/judge/bin/python" "$judge/judge.py" run --jobs "${JOBS:-2}" \
    --tool "$tool {in} {out} --passes default -q" \
    --models "${MODELS:-../shared/models}" --out "$build/judged.jsonl"
"$build/judge/bin/python" "$judge/judge.py" compare "$build/judged.jsonl" "$judge/baselines.jsonl"
