#!/bin/bash
# Init container of virt-handler: writes what this node's QEMU can do, as three files from which
# virt-handler makes node labels. The environment says which accelerator KubeVirt would like; the
# guests get it only if its device is there.
set -euo pipefail

out=/var/lib/kubevirt-node-labeller
device=${HYPERVISOR_DEVICE:-kvm}
type=qemu
if [ -e "/dev/$device" ]; then
  chmod o+rw "/dev/$device"
  type=${PREFERRED_VIRTTYPE:-kvm}
fi
machine=(--machine q35 --arch "$(uname -m)" --virttype "$type")

virtqemud -d
virsh domcapabilities "${machine[@]}" > "$out/virsh_domcapabilities.xml"
# The baseline lists every feature by name, which the host's own description leaves implied.
virsh hypervisor-cpu-baseline --features "${machine[@]}" "$out/virsh_domcapabilities.xml" \
  > "$out/supported_features.xml"
virsh capabilities > "$out/capabilities.xml"
