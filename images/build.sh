#!/bin/sh
# Builds the static binaries and their images, checks their size, and writes each image as an OCI
# archive for the test plane to load. Prints the tag as its last line on standard output.
#
#   images/build.sh                   the tag is made from git
#   images/build.sh --print-tag       only prints that tag
#   images/build.sh --print-archives  only prints the archives' names, one a line
#
# VMBERTH_IMAGES   folder of the archives (default /var/cache/vmberth/product-images)
# VMBERTH_TAG      tag to use instead of the one from git
# VMBERTH_REBUILD  not empty: build even what is there
# VMBERTH_BUILDER  buildah, podman or docker (default: the first that is there)
set -eu
cd "$(dirname "$0")/.."

target=x86_64-unknown-linux-gnu
linker="-C link-arg=-Wl,--icf=all,-z,pack-relative-relocs"
names="webhook certs exporter extender"
most_bytes=$((20 * 1024 * 1024))
archives=${VMBERTH_IMAGES:-/var/cache/vmberth/product-images}
# What the binaries are made of; a change elsewhere needs no new tag.
sources="Cargo.toml Cargo.lock rust-toolchain.toml decide serve cluster webhook certs exporter extender images"

say() { echo "images: $*" >&2; }
fail() { say "$*"; exit 1; }

# The short revision that last changed the sources: a commit to tests or docs makes no new image. A
# dirty tree gets a hash of its content too, so that a node never
# takes an image of an earlier state of it for the present one.
tag_of_tree() {
    # shellcheck disable=SC2086 # a list of words
    revision=$(git log -1 --abbrev=12 --format=%h -- $sources 2>/dev/null) || revision=
    [ -n "$revision" ] || { echo unversioned; return; }
    # shellcheck disable=SC2086
    if [ -z "$(git status --porcelain -- $sources)" ]; then
        echo "$revision"
        return
    fi
    # shellcheck disable=SC2086
    content=$(git ls-files --cached --others --exclude-standard -z -- $sources | sort -z |
        xargs -0 sh -c 'for file; do [ -f "$file" ] && sha256sum "$file"; done; true' sh |
        sha256sum | cut -c1-8)
    echo "$revision-dirty-$content"
}

tag=${VMBERTH_TAG:-$(tag_of_tree)}
case ${1:-} in
"") ;;
--print-tag)
    echo "$tag"
    exit 0
    ;;
--print-archives)
    for name in $names; do echo "$archives/$name-$tag.tar"; done
    exit 0
    ;;
*) fail "unknown argument $1" ;;
esac
# An archive is named by what it was made from, and appears whole: one that is there is right.
all_built() {
    for name in $names; do [ -s "$archives/$name-$tag.tar" ] || return 1; done
}
if [ -z "${VMBERTH_REBUILD:-}" ] && all_built; then
    say "$tag is built already"
    echo "$tag"
    exit 0
fi
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

builder=${VMBERTH_BUILDER:-}
for candidate in buildah podman docker; do
    [ -n "$builder" ] || ! command -v "$candidate" >/dev/null || builder=$candidate
done
[ -n "$builder" ] || fail "none of buildah, podman and docker is installed"

# The webhook and the extender are in the way of every VM: quick first. The others run beside all that, on every node:
# small first.
profile_of() {
    case $1 in webhook | extender) echo release ;; *) echo small ;; esac
}

# Static glibc: docs/adr/0001-static-glibc.md; what the linker saves: docs/adr/0008-memory-of-the-exporter.md.
compile() {
    say "compiling $tag"
    for profile in release small; do
        packages=
        for name in $names; do
            [ "$(profile_of "$name")" != "$profile" ] || packages="$packages -p vmberth-$name"
        done
        # shellcheck disable=SC2086
        VMBERTH_REVISION="$tag" RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static $linker" \
            cargo build --profile "$profile" --locked --target "$target" $packages
    done
}
compile
if [ -z "${VMBERTH_TAG:-}" ] && [ "$(tag_of_tree)" != "$tag" ]; then
    say "the tree changed meanwhile; once more"
    tag=$(tag_of_tree)
    compile
    [ "$(tag_of_tree)" = "$tag" ] || fail "the tree changes faster than it compiles"
fi
binaries=${CARGO_TARGET_DIR:-target}/$target

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir -p "$archives"
for name in $names; do
    binary=$binaries/$(profile_of "$name")/vmberth-$name
    if readelf -d "$binary" | grep -q NEEDED; then fail "vmberth-$name is not static"; fi
    "$binary" --version >/dev/null || fail "vmberth-$name does not start; is this machine's glibc older than 2.36?"
    bytes=$(stat -c %s "$binary")
    [ "$bytes" -lt "$most_bytes" ] || fail "vmberth-$name has $bytes bytes, at most $most_bytes"
    cp "$binary" "$context/"
    image=localhost/vmberth/$name:$tag
    say "image $image, $((bytes / 1024)) KiB"
    set -- build --file images/Containerfile --target "$name" --tag "$image" \
        --build-arg "VERSION=$version" --build-arg "REVISION=$tag"
    archive=$archives/$name-$tag.tar
    rm -f "$archive.part"
    case $builder in
    buildah)
        buildah "$@" --isolation chroot --format oci --quiet "$context" >/dev/null
        buildah push --quiet "$image" "oci-archive:$archive.part:$image" >/dev/null
        ;;
    podman)
        podman "$@" --format oci --quiet "$context" >/dev/null
        podman save --quiet --format oci-archive --output "$archive.part" "$image" >/dev/null
        ;;
    *)
        "$builder" "$@" --quiet "$context" >/dev/null
        "$builder" save --output "$archive.part" "$image"
        ;;
    esac
    mv "$archive.part" "$archive"
    bytes=$(stat -c %s "$archive")
    [ "$bytes" -lt "$most_bytes" ] || fail "$archive has $bytes bytes, at most $most_bytes"
    # Old archives are of no use; a few stay for who switches between revisions.
    ls -t "$archives/$name"-*.tar | tail -n +6 | xargs -r rm -f
done
echo "$tag"
