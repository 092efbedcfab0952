#!/usr/bin/env bash
# All tests, in the order in which they fail fastest; a table of times at the end, also after a
# failure. Run it by `make test`; `make check` stops before anything that needs root.
set -euo pipefail
cd "$(dirname "$0")/.."

: "${CARGO_TARGET_DIR:?run this by: make test}" "${VMBERTH_CACHE:?}"
plane="$CARGO_TARGET_DIR/debug/plane"
only_check=${1:-}
table=()

# step NAME COMMAND...: runs one step and remembers its time.
step() {
    local name=$1 start=$SECONDS
    shift
    printf '\n=== %s\n' "$name"
    if "$@"; then
        table+=("$(printf '%6d s  ok      %s' $((SECONDS - start)) "$name")")
    else
        table+=("$(printf '%6d s  FAILED  %s' $((SECONDS - start)) "$name")")
        exit 1
    fi
}

touched=no
before=$(mktemp)
finish() {
    local code=$?
    # The logs of a failed run stay in $VMBERTH_CACHE/logs/last-cluster.
    [ "$touched" = no ] || "$plane" down || code=1
    rm -f "$before"
    printf '\n=== times\n'
    printf '%s\n' "${table[@]}"
    printf '%6d s  %s\n' "$SECONDS" "in all"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

pure_crates() {
    # decide/ decides: nothing that waits, reads or listens may come near it.
    local tree
    tree=$(cargo tree --locked --package vmberth-decide --edges normal --prefix none) || return 1
    ! grep -E '^(tokio|kube|hyper|axum|reqwest|rustix|tracing) ' <<<"$tree"
}

shell_scripts() {
    local file files
    files=$(find . -path ./target -prune -o \( -name '*.sh' -o -path ./.ci/run \) -print)
    for file in $files; do bash -n "$file" || return 1; done
}

# A whole cluster has run VMs by then: it leaves as little behind as a small one.
nothing_left() {
    "$plane" down
    local try
    # Processes of others come and go, and with them their namespaces.
    for try in $(seq 10); do
        diff "$before" <(tests/plane/traces.sh) >/dev/null && return
        sleep 3
    done
    diff "$before" <(tests/plane/traces.sh)
}

step "format" cargo fmt --all --check
step "shell scripts parse" shell_scripts
step "decide/ stays pure" pure_crates
step "clippy, warnings are errors" cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
# Not by --all-targets: a bare `cargo test` leaves them alone.
step "clippy of the end-to-end stories" cargo clippy --quiet --locked -p vmberth-e2e \
    --test without --test stories --test exporter --test scheduler --test lifecycle --test race --test bench -- -D warnings
step "unit and property tests" cargo test --quiet --locked --workspace --exclude vmberth-e2e --lib --bins --examples
step "integration tests without a cluster" cargo test --quiet --locked -p vmberth-decide \
    -p vmberth-serve -p vmberth-webhook -p vmberth-certs -p vmberth-exporter -p vmberth-extender --test '*'
step "licences and sources of dependencies" tests/licences.sh
[ "$only_check" = check ] && exit 0

touched=yes
# First, since it also installs what building images needs.
step "the plane's life and death" cargo test --quiet --locked -p vmberth-plane --test lifecycle -- --test-threads=1
step "images" images/build.sh
"$plane" down
# After the last thing that is built: on a new machine that makes folders in the cache.
tests/plane/traces.sh >"$before"
step "a whole cluster" "$plane" up --simulated-nodes 20
step "chart" env HELM="$VMBERTH_CACHE/cluster/bin/helm" charts/check.sh
step "end-to-end" tests/e2e/run.sh
step "nothing is left of the cluster" nothing_left
