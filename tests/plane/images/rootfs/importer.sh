#!/bin/bash
# Root file system of CDI's importer, upload server and cloner: they call qemu-img, nbdkit with its
# curl plugin, tar, blockdev and a shell.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
target=$1

bootstrap "$target" qemu-utils,nbdkit,ca-certificates,tar,xz-utils,util-linux
test -e "$target/usr/lib/x86_64-linux-gnu/nbdkit/plugins/nbdkit-curl-plugin.so"
# CDI lists this folder for its log at every import and warns if it is not there.
ln -s ../lib/x86_64-linux-gnu/nbdkit "$target/usr/lib64/nbdkit"
slim "$target"
