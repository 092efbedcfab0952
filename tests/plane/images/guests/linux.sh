#!/bin/bash
# linux.raw and linux.qcow2: Debian's cloud kernel, an initrd of busybox and linux/init, started by
# syslinux from a FAT partition; behind it a partition for the guest's own data. Writes into $1.
set -euo pipefail
here=$(dirname "$0")
out=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The kernel is unpacked, never installed: this machine keeps its own.
package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-\)/\1/p' | head -n 1)
(cd "$work" && apt-get -o APT::Sandbox::User=root download "${package:?no cloud kernel: apt-get update}")
dpkg -x "$work"/*.deb "$work/kernel"
modules=$(echo "$work"/kernel/lib/modules/*)

# Initrd. The modules are loaded in this order, each after what it needs.
root=$work/root
mkdir -p "$root"/{bin,dev,proc,sys,etc/acpi/PWRF,modules,tmp}
install -m 0755 "$(command -v busybox)" "$root/bin/busybox"
install -m 0755 "$here/linux/init" "$root/init"
install -m 0755 "$here/linux/dhcp" "$root/dhcp"
printf '#!/bin/busybox sh\necho "vmberth-guest: power button" > /dev/console\npoweroff -f\n' \
  > "$root/etc/acpi/PWRF/00000080"
chmod 0755 "$root/etc/acpi/PWRF/00000080"
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk \
  scsi_common scsi_mod virtio_scsi sd_mod failover net_failover virtio_net button evdev; do
  find "$modules" -name "$module.ko" -exec cp {} "$root/modules/" \;
  test -e "$root/modules/$module.ko"
  echo "$module" >> "$root/modules/order"
done
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc | gzip -9) > "$work/initrd"

# Disk: 1 MiB for the boot loader, 30 MiB FAT, 8 MiB data.
disk=$work/disk
truncate --size 40M "$disk"
printf 'label-id: 0x766d6265\nstart=2048, size=61440, type=e, bootable\nsize=16384, type=83\n' \
  | sfdisk --quiet "$disk"
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$disk" bs=440 count=1 conv=notrunc status=none
truncate --size 30M "$work/fat"
mkfs.vfat -F 16 -n VMBERTH -i 766d6265 "$work/fat" > /dev/null
syslinux --install "$work/fat"
cat > "$work/syslinux.cfg" <<'END'
SERIAL 0 115200
DEFAULT linux
PROMPT 0
LABEL linux
  KERNEL vmlinuz
  INITRD initrd
  APPEND console=ttyS0,115200 quiet loglevel=4 panic=5 mitigations=off net.ifnames=0
END
mcopy -i "$work/fat" "$work/syslinux.cfg" ::syslinux.cfg
mcopy -i "$work/fat" "$work"/kernel/boot/vmlinuz-* ::vmlinuz
mcopy -i "$work/fat" "$work/initrd" ::initrd
dd if="$work/fat" of="$disk" bs=1M seek=1 conv=notrunc,sparse status=none

# Data: sector 0 counts boots, the second megabyte is a payload whose digest the guest prints.
data=$((1024 * 1024 * 31))
printf 'vmberth-data %-498s\n' '0 ' \
  | dd of="$disk" bs=512 seek=$((data / 512)) conv=notrunc status=none
seq 1 200000 | head -c 1M > "$work/payload" || true
dd if="$work/payload" of="$disk" bs=1M seek=$((data / 1024 / 1024 + 1)) conv=notrunc status=none
sha256sum "$work/payload" | cut -c 1-64 > "$out/linux.payload.sha256"

qemu-img convert -q -f raw -O qcow2 "$disk" "$out/linux.qcow2"
# Loose pieces too, for a guest that KubeVirt boots by kernelBoot.
cp "$work"/kernel/boot/vmlinuz-* "$out/linux.vmlinuz"
mv "$work/initrd" "$out/linux.initrd"
mv "$disk" "$out/linux.raw"
