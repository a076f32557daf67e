#!/bin/sh
# embed.sh FILE.yaml... - the files as C: const char ox_rules_FILE[].
for f; do
	name=$(basename "$f" .yaml)
	printf 'extern const char ox_rules_%s[];\nconst char ox_rules_%s[] =\n' "$name" "$name"
	sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/"&\\n"/' "$f"
	echo ';'
done
