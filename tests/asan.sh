#!/bin/sh
# asan.sh DIR - runs unit tests, goldens, models and the fuzz target built with ASan and UBSan in DIR.
# Fails when a program fails, and when any sanitizer log was written: Criterion's workers
# exit with 0 even after a leak report.
dir=$1
logs=$dir/logs
cd "$(dirname "$0")/.." || exit 1
rm -rf "$logs" && mkdir -p "$logs" || exit 1
export ASAN_OPTIONS="log_path=$logs/asan:detect_leaks=1:allocator_may_return_null=1"
export UBSAN_OPTIONS="log_path=$logs/ubsan:print_stacktrace=1:halt_on_error=1"

# The net must hold: a test that leaks has to leave a log.
"${CC:-gcc}" -g -fsanitize=address,undefined -o "$dir/leak" tests/leak.c -lcriterion || exit 1
"$dir/leak" --quiet
if ! ls "$logs"/asan.* >/dev/null 2>&1; then
	echo "asan: a deliberate leak left no log, so leaks would go unseen"
	exit 1
fi
echo "asan: the deliberate leak was noticed"
rm -f "$logs"/*

failed=0
sh tests/unit.sh "$dir"/unit/test_?*[!.d] || failed=1
"$dir/onnxopt" test tests/golden || failed=1
python3 tests/models.py --tool "$dir/onnxopt" --quick tests/models || failed=1
env -u ASAN_OPTIONS "$dir/fuzz/eval" --runs 30000 --out "$dir/found" || failed=1
TMPDIR=$dir "$dir/fuzz/data" --seconds 10 || failed=1
for log in "$logs"/*; do
	[ -e "$log" ] || continue
	failed=1
	echo "--- $log"
	head -n 40 "$log"
done
[ $failed = 0 ] && echo "asan: no report"
exit $failed
