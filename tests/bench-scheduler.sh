#!/usr/bin/env bash
# What the extender costs and gains beside the real kube-scheduler, on simulated nodes of the plane: pods per second with it
# and without, and VMs of a stream that find room either way. Called by tests/bench.sh, or alone by: make bench-scheduler.
# Prints a JSON object in each line; what happens meanwhile goes to standard error.
#
#   BENCH_NODES                   simulated nodes (1000)
#   BENCH_ROUNDS                  times that each side is measured (7); 0: no pods per second
#   BENCH_PODS, BENCH_LAUNCHERS   pods of a round: nobody's (1000), VMs' (400)
#   BENCH_SEEDS, BENCH_FIRST_SEED fleets that are filled (10), from which seed on (0); 0 fleets: none
#   E2E_TAG                       images of this tag, which are in $VMBERTH_IMAGES already; else those of this checkout
#   BENCH_KEEP                    yes: the cluster stays up
set -euo pipefail
cd "$(dirname "$0")/.."

: "${CARGO_TARGET_DIR:?run this by: make bench-scheduler}" "${VMBERTH_CACHE:?}"
images=${VMBERTH_IMAGES:-$VMBERTH_CACHE/product-images}
export PLANE="$CARGO_TARGET_DIR/debug/plane" E2E_TAG="${E2E_TAG:-}" RUST_BACKTRACE=0 BENCH_OUT
BENCH_OUT=$(mktemp)
built=$(mktemp)
finish() {
    [ "${BENCH_KEEP:-no}" = yes ] || "$PLANE" down >&2
    rm -f "$BENCH_OUT" "$built"
}
trap finish EXIT

cargo build --quiet --locked -p vmberth-plane
# Binaries are named by cargo on standard error: Executable tests/x.rs (PATH).
if ! cargo test --locked -p vmberth-e2e --test bench --no-run 2>"$built"; then
    cat "$built" >&2
    exit 1
fi
bench=$(sed -n "s|^ *Executable tests/bench.*(\(.*\))\$|\1|p" "$built")
if [ -z "$E2E_TAG" ]; then
    images/build.sh >&2
    E2E_TAG=$(images/build.sh --print-tag)
fi
"$PLANE" up --simulated-nodes "${BENCH_NODES:-1000}" --without prometheus >&2
"$PLANE" load-images "$images"/{webhook,certs,exporter,extender}-"$E2E_TAG".tar >&2
# What an interrupted run left behind.
"$PLANE" kubectl delete namespace -l e2e --timeout=300s >&2
"$PLANE" shell -- "$bench" --test-threads=1 --nocapture >&2
cat "$BENCH_OUT"
