#!/bin/sh
# Runs Criterion binaries one after the other; fails if any does, and if none ran.
# Each prints its own summary line.
[ $# -gt 0 ] || { echo "no unit tests were given"; exit 1; }
failed=0
for t in "$@"; do
	echo "${t##*/}"
	"$t" --jobs 2 || failed=1
done
exit $failed
