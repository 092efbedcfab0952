#!/usr/bin/env bash
# The end-to-end stories, in the cluster that `plane up` made: first that they fail without vmberth,
# then with it, then those of its exporter and scheduler, then vmberth's own life. tests/e2e/run.sh [NAME]: only
# stories with NAME in their path (stories::machines, rotation, ...). Builds what it needs outside of the cluster's network.
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
    echo "tests/e2e: the cluster is not up: $PLANE up --simulated-nodes 20" >&2
    exit 1
}

# Binaries are named by cargo on standard error: Executable tests/x.rs (PATH).
built=$(mktemp)
if ! cargo test --locked -p vmberth-e2e --test without --test stories --test exporter --test scheduler \
    --test lifecycle --no-run 2>"$built"; then
    cat "$built" >&2
    exit 1
fi
cargo test --quiet --locked -p vmberth-e2e --lib
binary() {
    sed -n "s|^ *Executable tests/$1.*(\(.*\))\$|\1|p" "$built"
}

# Images of this checkout, or those of the tag in $E2E_TAG, which are loaded already.
if [ -z "${E2E_TAG:-}" ]; then
    images/build.sh
    E2E_TAG=$(images/build.sh --print-tag)
    # shellcheck disable=SC2046 # one word for each archive
    "$PLANE" load-images $(images/build.sh --print-archives)
fi

E2E_TIMES=$(mktemp)
finish() {
    local code=$?
    printf '\n--- end-to-end stories\n'
    cat "$E2E_TIMES"
    printf '%6d s  in all\n' "$SECONDS"
    rm -f "$E2E_TIMES" "$built"
    exit "$code"
}
trap finish EXIT

# What an interrupted run left behind.
"$PLANE" kubectl delete namespace -l e2e --timeout=300s
"$PLANE" free-volumes

# tell BINARY THREADS
tell() {
    "$PLANE" shell -- "$1" --test-threads="$2" "${filter[@]}"
}
tell "$(binary without)" 3
tell "$(binary stories)" 4
tell "$(binary exporter)" 1
tell "$(binary scheduler)" 1
tell "$(binary lifecycle)" 1
