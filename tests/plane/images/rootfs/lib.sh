# Shared by the root file system recipes; sourced, never run.

# The mirror that this machine's apt already uses: a proxied or closed network knows no other one.
debian_mirror() {
  local uri
  uri=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' \
    | sed -n 's/^Debian //p' | head -n 1)
  echo "${uri:-http://deb.debian.org/debian}"
}

# bootstrap TARGET PACKAGES [mmdebstrap options]
# mmdebstrap and not debootstrap: it resolves everything in one apt run, so systemd's half of the
# dependencies configures in the right order, it takes a third of the time, and it works in a mount
# namespace of its own, so that nothing stays mounted when it is killed.
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
  rm -rf "$target"/var/lib/apt/lists/* "$target"/var/cache/* "$target"/var/log/* \
    "$target"/var/lib/dpkg/info/*.md5sums "$target"/var/lib/dpkg/*-old \
    "$target"/usr/share/{doc,man,info,locale,i18n,lintian,gcc,polkit-1,zsh,perl,perl5}
  mkdir -p "$target"/var/cache "$target"/var/log
  # The kubelet mounts its own over these; what the build machine had must not leak into an image.
  : > "$target/etc/resolv.conf"
  : > "$target/etc/hostname"
}
