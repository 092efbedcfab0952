#!/bin/bash
# The smallest root that a static server needs to be probed and looked into: a shell, `cat`, /tmp.
set -euo pipefail
target=$1

mkdir -p "$target"/{bin,etc,home,proc,root,sys,dev,usr/bin,var/tmp}
mkdir -p -m 1777 "$target/tmp"
chmod 1777 "$target/tmp" "$target/var/tmp"
ln -s ../run "$target/var/run"
mkdir "$target/run"
install -m 0755 "$(command -v busybox)" "$target/bin/busybox"
"$target/bin/busybox" --list | while read -r applet; do
  [ "$applet" = busybox ] || ln -s busybox "$target/bin/$applet"
done
# CDI's servers run as 1001, KubeVirt's as 1001 and 107.
cat > "$target/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
qemu:x:107:107:qemu:/home:/bin/sh
user:x:1001:0:user:/home:/bin/sh
END
printf 'root:x:0:\nqemu:x:107:\n' > "$target/etc/group"
printf 'hosts: files dns\n' > "$target/etc/nsswitch.conf"
