#!/bin/bash
# Root file system of virt-launcher and virt-handler: Debian trixie's QEMU 10.0 and libvirt 11.3,
# which are what KubeVirt 1.8 is made for (bookworm's are too old for its domain XML).
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
target=$1

# KubeVirt runs guests as qemu, 107:107. The ids are taken before any package is set up, since
# Debian hands out system ids from 100 upwards in the order of installation.
take_ids='
  echo "qemu:x:107:107:qemu:/home/qemu:/bin/bash" >> "$1/etc/passwd"
  echo "qemu:x:107:" >> "$1/etc/group"
  mkdir -p "$1/home/qemu" && chown 107:107 "$1/home/qemu"'

# The package with libvirtd depends on a whole host (all drivers, dnsmasq, polkit); only its daemon
# is wanted. It lies where no package puts anything, under the name that KubeVirt looks for in the
# process table, and files/virtqemud starts it.
unpack_daemon='
  cd "$1/tmp" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download libvirt-daemon \
    && dpkg -x libvirt-daemon_*.deb daemon \
    && install -D -m 0755 daemon/usr/sbin/libvirtd "$1/usr/libexec/plane/virtqemud" \
    && rm -rf daemon libvirt-daemon_*.deb'

bootstrap "$target" \
  libvirt-daemon-driver-qemu,libvirt-daemon-log,libvirt-daemon-common,libvirt-clients,qemu-system-x86,qemu-utils,seabios,iproute2,nftables,passt,xorriso,procps,util-linux,tar,findutils \
  --essential-hook="$take_ids" --customize-hook="$unpack_daemon"

# Found through /proc/PID/root by virt-handler, so the link must be relative to stay in the image.
rm -rf "$target/var/run"
ln -s ../run "$target/var/run"
# KubeVirt mounts over these or writes into them as another user.
mkdir -p "$target"/{usr/lib64/qemu-kvm,var/lib/kubevirt-node-labeller,etc/libvirt/hooks,init/usr/bin}
# A device node in an image would survive into pods that have no such device.
rm -rf "$target"/dev/kvm
slim "$target"
