#!/usr/bin/env bash
# Measures what the README and docs promise in numbers: the webhook's release binary under load over
# TLS with keep-alive, on one core; the same decisions without network, with their allocations; a scheduler's calls of the
# extender without network; the real kube-scheduler with the extender and without; sizes of the images; a node's agent beside a real API server; times of the plane as its last runs recorded them. Writes docs/benchmarks.md for
# people and target/bench.json for machines. Run: make bench
set -euo pipefail
cd "$(dirname "$0")/.."

: "${CARGO_TARGET_DIR:?run this by: make bench}" "${VMBERTH_CACHE:?}"
seconds=${BENCH_SECONDS:-10}
static="$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release"
# What the API server asks about; each is a review in tests/fixtures/recorded.
kinds="launcher-pod vm-vfs-hugepages data-volume foreign-pod"
tag=$(VMBERTH_REBUILD=1 images/build.sh | tail -n 1)
cargo build --quiet --locked --release -p vmberth-webhook --example load
cargo bench --quiet --locked -p vmberth-webhook --bench review --no-run
cargo bench --quiet --locked -p vmberth-extender --bench cycle --bench placement --no-run

work=$(mktemp -d)
server=
stop_server() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null && wait "$server" || true
        server=
    fi
}
finish() {
    stop_server
    rm -rf "$work"
}
trap finish EXIT

make_certificate() {
    mkdir "$work/tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE \
        -keyout "$work/tls/tls.key" -out "$work/tls/tls.crt" 2>/dev/null
}

# The server has one core, the client the other. It logs as in the cluster: a line for each review.
start_server() {
    taskset -c 0 "$static/vmberth-webhook" --listen=127.0.0.1:18443 --admin-listen=127.0.0.1:18080 \
        --tls-dir="$work/tls" --policy=tests/fixtures/recorded/policy.yaml --shutdown-delay=0 2>"$work/log" &
    server=$!
    local tries
    for tries in $(seq 100); do
        curl -fsS -o /dev/null http://127.0.0.1:18080/readyz 2>/dev/null && return
        sleep 0.1
    done
    echo "the webhook was not ready after $tries tries:" >&2
    tail -n 5 "$work/log" >&2
    exit 1
}

# load KIND FLAG...: prints what the client saw.
load() {
    local kind=$1
    shift
    taskset -c 1 "$CARGO_TARGET_DIR/release/examples/load" --address 127.0.0.1:18443 \
        --ca "$work/tls/tls.crt" --review "tests/fixtures/recorded/$kind.json" "$@"
}

# What the server says of itself: its histogram of times, and its processor time in clock ticks.
scrape() {
    curl -fsS http://127.0.0.1:18080/metrics
    awk '{print "cpu_ticks", $14 + $15}' "/proc/$server/stat"
    awk '/^VmRSS/ {print "rss_kib", $2}' "/proc/$server/status"
}

# measure NAME KIND FLAG...: one run of the client between two looks at the server.
measure() {
    local name=$1
    shift
    scrape >"$work/$name.before"
    load "$@" >"$work/$name.json"
    scrape >"$work/$name.after"
}

# 50,000 reviews of all kinds; called twice, since what still grows then is a leak.
fifty_thousand() {
    local kind
    for kind in $kinds; do
        load "$kind" --connections 64 --seconds 600 --reviews 12500 >/dev/null
    done
    scrape >"$work/$1.rss"
}

# How much of the machine others left us; a number measured on a busy one says so.
idle_percent() {
    local before after
    before=$(awk '/^cpu / {print $5 + $6, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9}' /proc/stat)
    sleep 3
    after=$(awk '/^cpu / {print $5 + $6, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9}' /proc/stat)
    awk '{print int(100 * ($3 - $1) / ($4 - $2))}' <<<"$before $after"
}

make_certificate
idle=$(idle_percent)
start_server
fifty_thousand first
fifty_thousand second
stop_server
start_server
for kind in $kinds; do
    load "$kind" --rate 1000 --seconds 2 >/dev/null
    measure "$kind.paced" "$kind" --rate 1000 --seconds "$seconds"
    measure "$kind.flat-out" "$kind" --connections 64 --seconds "$seconds"
done
stop_server
taskset -c 0 cargo bench --quiet --locked -p vmberth-webhook --bench review >"$work/pure.txt"
taskset -c 0 cargo bench --quiet --locked -p vmberth-extender --bench cycle >"$work/extender.jsonl"
taskset -c 0 cargo bench --quiet --locked -p vmberth-extender --bench placement >"$work/placement.jsonl"
tests/bench-exporter.sh >"$work/exporter.json"
E2E_TAG="$tag" tests/bench-scheduler.sh >"$work/scheduler.jsonl"

WORK="$work" KINDS="$kinds" TAG="$tag" IDLE="$idle" TICKS="$(getconf CLK_TCK)" \
    ARCHIVES="${VMBERTH_IMAGES:-/var/cache/vmberth/product-images}" python3 tests/bench.py
