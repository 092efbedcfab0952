#!/usr/bin/env bash
# The end-to-end stories, in the cluster that `plane up` made: first that they fail without vmberth,
# then with it, then vmberth's own life. tests/e2e/run.sh [NAME]: only stories with NAME in their
# path (stories::machines, rotation, ...). Builds what it needs outside of the cluster's network.
set -euo pipefail
cd "$(dirname "$0")/../.."

export VMBERTH_CACHE="${VMBERTH_CACHE:-/var/cache/vmberth}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$VMBERTH_CACHE/target}"
export PLANE="${PLANE:-$CARGO_TARGET_DIR/debug/plane}"
export E2E_TAG E2E_TIMES
# A failed story says what it saw; where in this code it stopped is of no help.
export RUST_BACKTRACE=0
filter=("$@")

[ -x "$PLANE" ] || cargo build --quiet --locked -p vmberth-plane
"$PLANE" status >/dev/null || {
    echo "tests/e2e: the cluster is not up: $PLANE up" >&2
    exit 1
}

# Binaries are named by cargo on standard error: Executable tests/x.rs (PATH).
binary() {
    cargo test --locked -p vmberth-e2e --test "$1" --no-run 2>&1 |
        tee /dev/stderr | sed -n 's/^ *Executable .*(\(.*\))$/\1/p'
}
binaries=()
for name in without stories lifecycle; do
    binaries+=("$(binary "$name" 2> >(grep -E '^(error|warning)' >&2))")
done

images/build.sh
E2E_TAG=$(images/build.sh --print-tag)
"$PLANE" load-images "${VMBERTH_IMAGES:-/var/cache/vmberth/product-images}"/*-"$E2E_TAG".tar

E2E_TIMES=$(mktemp)
finish() {
    local code=$?
    printf '\n--- end-to-end stories\n'
    cat "$E2E_TIMES"
    printf '%6d s  in all\n' "$SECONDS"
    rm -f "$E2E_TIMES"
    exit "$code"
}
trap finish EXIT

# What an interrupted run left behind.
"$PLANE" kubectl delete namespace -l e2e --timeout=150s
"$PLANE" free-volumes

# tell BINARY THREADS
tell() {
    "$PLANE" shell -- "$1" --test-threads="$2" "${filter[@]}"
}
tell "${binaries[0]}" 3
tell "${binaries[1]}" 4
tell "${binaries[2]}" 1
