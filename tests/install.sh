#!/bin/sh
# install.sh BUILD - installs into a scratch folder and uses only what lies there: builds
# the example against the installed header and libraries, static and shared, and runs it.
set -eu
build=$1
cd "$(dirname "$0")/.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
make -s install BUILD="$build" DESTDIR="$root" PREFIX=/usr >/dev/null
cp examples/minimal.c tests/plugin/affine.c "$root/"
cp tests/models/own_fp16_cnn_ts_keepbn.onnx "$root/in.onnx"
cd "$root"
export PKG_CONFIG_PATH=$root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
# shellcheck disable=SC2046
${CC:-gcc} -std=c11 -Wall -Wextra -Werror minimal.c -o shared $(pkg-config --cflags --libs onnxopt)
LD_LIBRARY_PATH=$root/usr/lib ./shared in.onnx out1.onnx
# shellcheck disable=SC2046
${CC:-gcc} -std=c11 -Wall -Wextra -Werror minimal.c -o fixed $(pkg-config --cflags onnxopt) \
    usr/lib/libonnxopt.a $(pkg-config --static --libs-only-l onnxopt | sed 's/-lonnxopt//')
./fixed in.onnx out2.onnx
cmp out1.onnx out2.onnx
usr/bin/onnxopt in.onnx out3.onnx --passes default -q
cmp out1.onnx out3.onnx
printf '#include <onnxopt/onnxopt.h>\nint main() { return 0; }\n' > t.cc
g++ -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags onnxopt) t.cc

# a plugin against the installed header alone; found by its name; the same from the library
# shellcheck disable=SC2046
${CC:-gcc} -std=c11 -Wall -Wextra -Werror -shared -fPIC $(pkg-config --cflags onnxopt-plugin) -o affine.so affine.c
! ldd affine.so | grep -q onnxopt
printf '#include <onnxopt/plugin.h>\nconst onnxopt_plugin *onnxopt_plugin_v1() { return nullptr; }\n' > p.cc
g++ -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags onnxopt-plugin) p.cc
cat > m.txt <<'END'
<ir_version: 8, opset_import: ["" : 17, "acme" : 1]>
g (float[2,n] x) => (float[2,n] y) { a = acme.Affine <scale = 2.0> (x)  b = acme.Affine <shift = 1.0> (a)  y = Relu (b) }
END
usr/bin/onnxopt parse m.txt m.onnx
ONNXOPT_PLUGIN_PATH=$root usr/bin/onnxopt m.onnx p1.onnx --plugin affine -q
usr/bin/onnxopt m.onnx p1.onnx --plugin ./affine.so -q --assert 'nodes<=2'
sed 's|onnxopt_optimize(m, NULL|onnxopt_optimize(m, \&run|; s|onnxopt_run_result result|const char *const plugins[] = {"./affine.so", NULL};\n\tonnxopt_run_options run = {.struct_size = sizeof run, .plugins = plugins};\n\t&|' minimal.c > plug.c
# shellcheck disable=SC2046
${CC:-gcc} -std=c11 -Wall -Wextra -Werror plug.c -o plug $(pkg-config --cflags --libs onnxopt)
LD_LIBRARY_PATH=$root/usr/lib ./plug m.onnx p2.onnx >/dev/null
cmp p1.onnx p2.onnx
echo "installed files work: shared, static, tool, C++, plugin"
