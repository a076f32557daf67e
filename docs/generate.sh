#!/bin/sh
# generate.sh TOOL FOLDER - the pages that come from tables and rules, into FOLDER.
"$1" passes --markdown >"$2/catalogue.md"
"$1" passes --schema pipeline >"$2/pipeline.schema.json"
"$1" passes --schema rules >"$2/rules.schema.json"
