#!/bin/sh
# pages.sh - the head comment of every pass of passes.def as C: what `onnxopt explain` prints
# and docs/catalogue.md holds. Run in the root of the repository.
printf '#include "passes/pass.h"\nconst char *const ox_pass_pages[] = {\n'
sed -n 's/^PASS(\([a-z0-9_]*\)).*/\1/p' passes/passes.def | while read -r name; do
	printf '"%s",\n' "$name"
	sed -n '1,/\*\/$/p' "passes/$name.c" |
	    sed 's|^/\* ||; s|^ \*/$||; s|^ \* \{0,1\}||; s| *\*/$||; s/\\/\\\\/g; s/"/\\"/g; s/.*/"&\\n"/'
	echo ','
done
echo 'NULL};'
