#!/bin/sh
# install.sh BUILD - installs into a scratch folder and uses only what lies there: builds
# the example against the installed header and libraries, static and shared, and runs it.
set -eu
build=$1
cd "$(dirname "$0")/.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
make -s install BUILD="$build" DESTDIR="$root" PREFIX=/usr >/dev/null
cp examples/minimal.c "$root/"
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
echo "installed files work: shared, static, tool, C++"
