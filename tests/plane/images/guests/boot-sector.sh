#!/bin/bash
# boot-sector.raw: the smallest disk that boots. Writes into the folder $1.
set -euo pipefail
here=$(dirname "$0")
out=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

as --32 -o "$work/sector.o" "$here/boot-sector.s"
ld -m elf_i386 --oformat binary -Ttext 0x7c00 -e start -o "$work/sector" "$work/sector.o"
# A megabyte, since storage does not come in sectors.
truncate --size 1M "$work/disk"
dd if="$work/sector" of="$work/disk" conv=notrunc status=none
mv "$work/disk" "$out/boot-sector.raw"
