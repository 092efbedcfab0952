#!/usr/bin/env bash
# Measures what the README and docs promise in numbers: the webhook's release binary under load over
# TLS with keep-alive, on one core; sizes of the images; times of the plane as its last runs recorded
# them. Writes docs/benchmarks.md for people and target/bench.json for machines. Run: make bench
set -euo pipefail
cd "$(dirname "$0")/.."

: "${CARGO_TARGET_DIR:?run this by: make bench}" "${VMBERTH_CACHE:?}"
seconds=${BENCH_SECONDS:-15}
static="$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release"
review=tests/fixtures/recorded/launcher-pod.json
tag=$(VMBERTH_REBUILD=1 images/build.sh | tail -n 1)
cargo build --quiet --locked --release -p vmberth-webhook --example load

work=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null && wait "$server" || true
    fi
    rm -rf "$work"
}
trap finish EXIT

make_certificate() {
    mkdir "$work/tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE \
        -keyout "$work/tls/tls.key" -out "$work/tls/tls.crt" 2>/dev/null
}

# The server has one core, the client the other.
start_server() {
    printf 'apiVersion: vmberth.io/v1alpha1\nkind: Policy\n' >"$work/policy.yaml"
    taskset -c 0 "$static/vmberth-webhook" --listen=127.0.0.1:18443 --admin-listen=127.0.0.1:18080 \
        --tls-dir="$work/tls" --policy="$work/policy.yaml" --log-level=warn &
    server=$!
    local tries
    for tries in $(seq 100); do
        curl -fsS -o /dev/null http://127.0.0.1:18080/readyz 2>/dev/null && return
        sleep 0.1
    done
    echo "the webhook was not ready after $tries tries" >&2
    exit 1
}

load() {
    taskset -c 1 "$CARGO_TARGET_DIR/release/examples/load" --address 127.0.0.1:18443 \
        --ca "$work/tls/tls.crt" --review "$review" --seconds "$seconds" "$@"
}

make_certificate
start_server
seconds=2 load --rate 1000 >/dev/null
paced=$(load --rate 1000)
flat_out=$(load --rate 0)
rss=$(awk '/^VmRSS/ {print $2}' "/proc/$server/status")

PACED="$paced" FLAT_OUT="$flat_out" RSS="$rss" TAG="$tag" \
    ARCHIVES="${VMBERTH_IMAGES:-/var/cache/vmberth/product-images}" python3 tests/bench.py
