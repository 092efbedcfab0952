#!/usr/bin/env bash
# Many VMs at once on simulated nodes, for just enough room, and the small races; docs/race.md. Brings the cluster up, and
# leaves it up. Run: make race
#
#   VMS, NODES      how many (1000, 200); a small one: VMS=20 NODES=5
#   SLACK           percent more room than a solution needs, on each node (5)
#   SEED            another seed, other VMs and nodes (1)
#   FAULTS          yes: servers are killed and agents silent meanwhile (no)
#   SCHEDULER       off: the cluster's own, as negative control; then only counted (own)
#   QUIET, LIMIT    seconds: without a placement (120), or in all (2400), after which is counted
#   RACE            only races with this in their name (all_at_once, small)
set -euo pipefail
cd "$(dirname "$0")/.."

: "${CARGO_TARGET_DIR:?run this by: make race}" "${VMBERTH_CACHE:?}"
export PLANE="$CARGO_TARGET_DIR/debug/plane" E2E_TAG RUST_BACKTRACE=0

"$PLANE" up --simulated-nodes "${NODES:-200}" --without prometheus
# Binaries are named by cargo on standard error: Executable tests/x.rs (PATH).
built=$(mktemp)
trap 'rm -f "$built"' EXIT
if ! cargo test --locked -p vmberth-e2e --test race --no-run 2>"$built"; then
    cat "$built" >&2
    exit 1
fi
race=$(sed -n "s|^ *Executable tests/race.*(\(.*\))\$|\1|p" "$built")
images/build.sh
E2E_TAG=$(images/build.sh --print-tag)
# shellcheck disable=SC2046 # one word for each archive
"$PLANE" load-images $(images/build.sh --print-archives)
# What an interrupted run left behind.
"$PLANE" kubectl delete namespace -l e2e --timeout=300s
"$PLANE" shell -- "$race" --test-threads=1 --nocapture ${RACE:+"$RACE"}
