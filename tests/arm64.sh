#!/bin/sh
# arm64.sh SYSROOT - libraries of Debian's arm64 for the cross compiler, unpacked in SYSROOT.
# Needs the packages gcc-aarch64-linux-gnu and qemu-user, and root for the lists of packages.
set -eu
root=$1
if [ -f "$root/usr/lib/aarch64-linux-gnu/libz.a" ]; then
	exit 0          # unpacked already: libz is the last of them
fi
command -v aarch64-linux-gnu-gcc qemu-aarch64 > /dev/null
mkdir -p "$root"
root=$(cd "$root" && pwd)
dpkg --print-foreign-architectures | grep -q arm64 || {
	dpkg --add-architecture arm64
	apt-get update -qq
}
cd "$root"
apt-get download -qq libprotobuf-c-dev:arm64 libyaml-dev:arm64 zlib1g-dev:arm64
for d in *.deb; do
	dpkg -x "$d" .
done
rm -f ./*.deb
