#!/usr/bin/env bash
# Measures a node's agent against a real API server: its binary, as in its image, below a generated tree of 64
# volumes, 64 virtual functions and 4 sizes of pages, beside a stand-in for the kubelet. Called by
# tests/bench.sh; prints one JSON object.
set -euo pipefail
cd "$(dirname "$0")/.."

: "${CARGO_TARGET_DIR:?}" "${VMBERTH_CACHE:?}"
idle_seconds=${BENCH_IDLE_SECONDS:-600}
plane="$CARGO_TARGET_DIR/debug/plane"
exporter="$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/small/vmberth-exporter"
work=$(mktemp -d)
agent=
kubelet=
finish() {
    for part in $agent $kubelet; do kill "$part" 2>/dev/null && wait "$part" || true; done
    "$plane" down >&2
    rm -rf "$work"
}
trap finish EXIT

cargo build --quiet --locked -p vmberth-plane
cargo build --quiet --locked -p vmberth-exporter --example full-node --example kubelet
"$plane" up --nodes 1 --without cdi,kubevirt,prometheus >&2
"$CARGO_TARGET_DIR/debug/examples/full-node" "$work/root"
mkdir -p "$work/root/var/lib/kubelet/pod-resources"
"$CARGO_TARGET_DIR/debug/examples/kubelet" "$work/root/var/lib/kubelet/pod-resources/kubelet.sock" &
kubelet=$!

"$exporter" --print-crd >"$work/crd.json"
cat >"$work/node.yaml" <<'EOF'
apiVersion: v1
kind: Node
metadata:
  name: bench
  labels: {kubernetes.io/hostname: bench}
EOF
cat >"$work/exporter.yaml" <<'EOF'
apiVersion: vmberth.io/v1alpha1
kind: ExporterConfig
volumes:
  - {directory: /var/vd/, prefix: vol, max: 63, storageClass: bench, capacity: 100Mi, overcommit: 10}
vfPools:
  - {resource: intel.com/intel_sriov_vm}
EOF
"$plane" kubectl apply --server-side -f "$work/crd.json" -f "$work/node.yaml" >&2
"$plane" kubectl wait --for=condition=Established --timeout=30s crd/nodeinventories.vmberth.io >&2

# In the cluster's network; `exec` chains keep the process id that we were given.
"$plane" shell -- sh -c 'echo $$ >"$1/pid"; shift; exec "$@"' sh "$work" \
    "$exporter" --host-root="$work/root" --node-name=bench --config="$work/exporter.yaml" \
    --admin-listen=127.0.0.1:18081 2>"$work/log" &
agent=$!
inside() { "$plane" shell -- "$@"; }
page() { inside curl -fsS http://127.0.0.1:18081/metrics; }
for try in $(seq 60); do
    inside curl -fsS -o /dev/null http://127.0.0.1:18081/readyz 2>/dev/null && break
    [ "$try" != 60 ] || { tail -n 5 "$work/log" >&2; exit 1; }
    sleep 1
done
for try in $(seq 60); do
    [ "$("$plane" kubectl get pv -l vmberth.io/node=bench -o name | wc -l)" = 64 ] && break
    [ "$try" != 60 ] || { echo "64 volumes were not made" >&2; tail -n 5 "$work/log" >&2; exit 1; }
    sleep 1
done
# What an operator should do is an Event once it has lasted for some seconds.
sleep 30

pid=$(cat "$work/pid")
ticks() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
# writes [OBJECT]: of that object, or all.
writes() {
    page | awk -v wanted="object=\"${1:-}" '
        /^vmberth_exporter_writes_total/ && index($0, wanted) {sum += $2} END {print sum + 0}'
}
version() { "$plane" kubectl get nodeinventory bench -o 'jsonpath={.metadata.resourceVersion}'; }
ticks_before=$(ticks) writes_before=$(writes) version_before=$(version)
sleep "$idle_seconds"
ticks_after=$(ticks) writes_after=$(writes) version_after=$(version)
[ "$version_before" = "$version_after" ] || echo "the inventory changed while nothing did" >&2
rss=$(awk '/^VmRSS/ {print $2}' "/proc/$pid/status")

# Ten disks get another size each tenth of a second, which the inventory shows in steps of 64 MiB.
burst_before=$(writes inventory) burst_begin=$(date +%s%N)
for tenth in $(seq 100); do
    disks=()
    for change in 0 1 2 3 4 5 6 7 8 9; do
        disks+=("$work/root/var/vd/vol$(((tenth * 10 + change) % 64))/disk.img")
    done
    truncate --size=$(((tenth % 5 + 1) * 64))M "${disks[@]}"
    sleep 0.09
done
# Those of the last second are written a second later.
sleep 2
burst_after=$(writes inventory) burst_end=$(date +%s%N)
scrape=$(inside curl -fsS -o /dev/null -w '%{time_total}' http://127.0.0.1:18081/metrics)
scan=$(page | awk '/^vmberth_exporter_scan_seconds_sum/ {s = $2} /^vmberth_exporter_scan_seconds_count/ {n = $2} END {print s / n * 1000}')
bytes=$("$plane" kubectl get --raw /apis/vmberth.io/v1alpha1/nodeinventories/bench | wc -c)

awk -v hz="$(getconf CLK_TCK)" -v seconds="$idle_seconds" -v ticks=$((ticks_after - ticks_before)) \
    -v rss="$rss" -v scan="$scan" -v writes=$((writes_after - writes_before)) \
    -v burst=$((burst_after - burst_before)) -v burst_seconds=$(((burst_end - burst_begin) / 1000000000)) \
    -v scrape="$scrape" -v bytes="$bytes" 'BEGIN {
    printf "{\"rss_mib\": %.1f, \"cpu_percent\": %.3f, \"scan_ms\": %.2f, \"writes_idle\": %d,", rss / 1024, 100 * ticks / hz / seconds, scan, writes
    printf " \"writes_burst\": %d, \"burst_seconds\": %d, \"scrape_ms\": %.1f,", burst, burst_seconds, scrape * 1000
    printf " \"inventory_kib\": %.1f, \"idle_seconds\": %d}\n", bytes / 1024, seconds
}'
