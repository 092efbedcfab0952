#!/bin/bash
# Start of CDI's clone source pod: tells the cloner how much it is going to send, from the volume's
# mode (file system or block device), and sends it.
set -euo pipefail
: "${VOLUME_MODE:?}" "${MOUNT_POINT:?}"

if [ "$VOLUME_MODE" = block ]; then
  kind=blockdevice-clone
  bytes=$(blockdev --getsize64 "$MOUNT_POINT")
else
  kind=filesystem-clone
  cd "$MOUNT_POINT"
  # A sparse disk.img is sent without its holes unless the target is to be allocated in full.
  if [ "${PREALLOCATION:-}" = true ]; then
    bytes=$(du --summarize --bytes . | cut -f1)
  else
    bytes=$(du --summarize --block-size=1 . | cut -f1)
  fi
fi
echo "clone source: $kind of $MOUNT_POINT, $bytes bytes"
exec /usr/bin/cdi-cloner -v=3 -alsologtostderr -content-type "$kind" -upload-bytes "$bytes" \
  -mount "$MOUNT_POINT"
