#!/bin/bash
# Root file system of CDI's importer, upload server and cloner: they call qemu-img, nbdkit with its
# curl plugin, tar, blockdev and a shell. CDI_VERSION 1.65 wants nothing else from the distribution.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
target=$1

bootstrap "$target" qemu-utils,nbdkit,nbdkit-plugin-curl,ca-certificates,tar,xz-utils,util-linux
# CDI lists this folder for its log and warns at every import if it is not there.
mkdir -p "$target/usr/lib64"
ln -s ../lib/x86_64-linux-gnu/nbdkit "$target/usr/lib64/nbdkit"
slim "$target"
