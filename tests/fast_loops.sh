#!/bin/sh
# The loops of the fast forms, in a program of their own: tests/fast_loops.sh FOLDER. Here, and
# for aarch64 under qemu where both are installed. Functions that it does not reach need not link.
set -eu
out=$1
mkdir -p "$out"

build() {
	"$@" -std=c11 -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L -O2 -ffp-contract=off -ffunction-sections -Wall -Wextra \
		-Werror -I. -Iinclude tests/fast_loops.c ops/fast*.c ops/walk.c ops/window_eval.c ops/eval.c base/arena.c \
		ir/float.c base/os_linux.c -Wl,--gc-sections -lm
}

build gcc -o "$out/fast_loops"
"$out/fast_loops"
if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null; then
	build aarch64-linux-gnu-gcc -static -o "$out/fast_loops.arm64"
	qemu-aarch64 "$out/fast_loops.arm64"
	echo "fast loops: here and on aarch64"
else
	echo "fast loops: here"
fi
