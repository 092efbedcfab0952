# Shared by the root file system recipes; sourced, never run.

# All of a recipe runs in mount and process namespaces of its own: when it is killed, its children
# die with it and nothing stays mounted.
if [ -z "${PLANE_ISOLATED-}" ]; then
  PLANE_ISOLATED=1 exec unshare --mount --pid --fork --kill-child --mount-proc -- "$0" "$@"
fi

# The mirror that this machine's apt already uses: a proxied or closed network knows no other one.
debian_mirror() {
  local uri
  uri=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' \
    | sed -n 's/^Debian //p' | head -n 1)
  echo "${uri:-http://deb.debian.org/debian}"
}

# bootstrap TARGET PACKAGES [mmdebstrap options]
# mmdebstrap and not debootstrap: it resolves everything in one apt run, so systemd's half of the
# dependencies configures in the right order, and it takes half of the time.
bootstrap() {
  local target=$1 packages=$2
  shift 2
  mmdebstrap --mode=root --format=directory --variant=essential --include="$packages" \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    --aptopt='APT::Install-Recommends "false"' \
    --aptopt='Acquire::Retries "5"' \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='force-unsafe-io' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/i18n/*' \
    --dpkgopt='path-exclude=/usr/share/bash-completion/*' \
    --dpkgopt='path-exclude=/usr/share/zoneinfo/*' \
    "$@" trixie "$target" "$(debian_mirror)"
}

# Nobody installs packages in an image, and every megabyte is imported once for each node.
slim() {
  local target=$1
  # Folders stay: daemons expect theirs below /var/log and /var/cache and do not make them.
  find "$target/var/log" "$target/var/cache" "$target/var/lib/apt/lists" -type f -delete
  rm -rf "$target"/var/lib/dpkg/info/*.md5sums "$target"/var/lib/dpkg/*-old \
    "$target"/usr/share/{doc,man,info,locale,i18n,lintian,gcc,polkit-1,zsh,perl,perl5}
  # The kubelet mounts its own over these; what the build machine had must not leak into an image.
  : > "$target/etc/resolv.conf"
  : > "$target/etc/hostname"
}
