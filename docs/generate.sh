#!/bin/sh
# generate.sh TOOL FOLDER - the pages that come from tables and rules, into FOLDER.
"$1" passes --markdown >"$2/catalogue.md"
