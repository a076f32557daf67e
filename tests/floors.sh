#!/bin/sh
# Arrows point down only: prints every include that goes up or sideways (DESIGN, floors).
# A .def table is data, any floor may read it. Exit 1 if anything was printed.
cd "$(dirname "$0")/.." || exit 1

# folder: what it may include besides itself
allowed='
base:
ir:     base
proto:  base ir
ops:    base ir
rules:  base ir ops
verify: base ir ops proto
passes: base ir ops rules verify onnxopt
api:    base ir ops proto rules verify passes onnxopt
cli:    base ir ops proto rules verify passes api onnxopt
fuzz:   base ir ops proto rules verify passes api cli onnxopt
'
bad=$(
	for f in base/*.[ch] ir/*.[ch] proto/*.[ch] ops/*.[ch] rules/*.[ch] verify/*.[ch] \
	         passes/*.[ch] api/*.[ch] cli/*.[ch] fuzz/*.[ch]; do
		[ -f "$f" ] || continue
		floor=${f%%/*}
		may=$(printf '%s\n' "$allowed" | sed -n "s/^$floor: *//p")
		grep -n '^#include "' "$f" | while IFS=: read -r line text; do
			inc=${text#*\"} inc=${inc%%\"*}
			case $inc in *.def | *.pb-c.h) continue ;; esac
			case $inc in */*) to=${inc%%/*} ;; *) to=$floor ;; esac
			case " $floor $may " in *" $to "*) ;; *) echo "$f:$line: $floor may not include $inc" ;; esac
		done
	done
	grep -ln 'pb-c\.h\|protobuf-c' base/*.[ch] ir/*.[ch] ops/*.[ch] rules/*.[ch] verify/*.[ch] \
	    passes/*.[ch] api/*.[ch] cli/*.[ch] fuzz/*.[ch] 2>/dev/null | sed 's/$/: protobuf belongs to proto alone/'
	# what kernels compute is written into models: the same bits everywhere (ops/elementary.h)
	for f in ops/*.c; do
		case $f in ops/fast* | ops/elementary.c) continue ;; esac
		sed 's|/\*.*||; /^ \*/d' "$f" |
		    grep -oE '(^|[^A-Za-z0-9_.>"])(exp2?|expm1|log(1p|2|10)?|pow|a?(sin|cos|tan)h?|atan2|erfc?|cbrt|hypot|[lt]gamma)f?\(' |
		    sed "s|.*|$f: & of the C library differs between machines; take ox_exp and its like|"
	done
	grep -ln 'zlib\.h' base/*.[ch] ir/*.[ch] ops/*.[ch] rules/*.[ch] verify/*.[ch] \
	    passes/*.[ch] api/*.[ch] cli/*.[ch] fuzz/*.[ch] 2>/dev/null | sed 's/$/: zlib belongs to proto alone/'
	grep -ln 'dlfcn\.h' base/*.[ch] ir/*.[ch] proto/*.[ch] ops/*.[ch] rules/*.[ch] verify/*.[ch] passes/*.[ch] \
	    api/*.[ch] cli/*.[ch] 2>/dev/null | grep -v -e '^passes/plugin_load\.c$' -e '^verify/ort_child\.c$' |
	    sed 's/$/: dlopen belongs to the plugin host, and to the child of ONNX Runtime/'
	grep -ln 'yaml\.h' base/*.[ch] ir/*.[ch] proto/*.[ch] ops/*.[ch] verify/*.[ch] api/*.[ch] \
	    cli/*.[ch] fuzz/*.[ch] 2>/dev/null | sed 's/$/: libyaml belongs to the rule and pipeline readers/'
)
[ -z "$bad" ] && exit 0
printf '%s\n' "$bad"
exit 1
