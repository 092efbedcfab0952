#!/bin/sh
# Checks the chart without a cluster: lint and render with every file in ci/, what must and must not
# stand in the result, and that wrong values are refused with their path.
# HELM names the helm to use (3 or 4); EXPORTER the vmberth-exporter whose definition of NodeInventory is
# compared with the chart's (default: cargo's; skipped, and said, if it is not built).
set -eu
cd "$(dirname "$0")"
helm=${HELM:-helm}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0
checked=0

ok() { checked=$((checked + 1)); }
bad() { failed=$((failed + 1)); echo "FAILED: $*" >&2; }

# has FILE TEXT / lacks FILE TEXT: a fixed text in a rendered file
has() { if grep -qF -- "$2" "$out/$1"; then ok; else bad "$1 has no: $2"; fi; }
lacks() { if grep -qF -- "$2" "$out/$1"; then bad "$1 has: $2"; else ok; fi; }

count() { grep -c -- "$2" "$out/$1" || true; }

# only FILE KIND [COMPONENT]: the objects of a kind, and of one of vmberth's parts, into FILE.KIND[.COMPONENT]
only() {
    awk -v kind="kind: $2" -v label="app.kubernetes.io/component: ${3:-}" '
        function flush() { if (wanted && index(text, label)) printf "%s", text; text = ""; wanted = 0 }
        $0 == "---" { flush() }
        $0 == kind { wanted = 1 }
        { text = text $0 "\n" }
        END { flush() }' "$out/$1" >"$out/$1.$2${3:+.$3}"
}

for values in vmberth/ci/*.yaml; do
    name=$(basename "$values" .yaml)
    if "$helm" lint --strict vmberth -f "$values" >"$out/lint" 2>&1; then ok; else
        bad "helm lint with $values"; cat "$out/lint" >&2
    fi
    if "$helm" template vmberth vmberth --namespace edge-ns -f "$values" \
        --kube-version 1.33.0 >"$out/$name" 2>"$out/error"; then ok; else
        bad "helm template with $values"; cat "$out/error" >&2; continue
    fi
    # Never: a webhook for all pods, a wildcard right, a certificate made by helm, a hook that needs
    # a running pod at uninstall, a bundle that an upgrade would put back.
    lacks "$name" '"*"'
    lacks "$name" "- '*'"
    lacks "$name" 'helm.sh/hook'
    lacks "$name" 'caBundle:'
    lacks "$name" 'kind: Secret'
    only "$name" MutatingWebhookConfiguration
    entries=$out/$name.MutatingWebhookConfiguration
    webhooks=$(grep -c 'failurePolicy:' "$entries")
    # Pods and instances are kept away by label, templates by the label that their pods inherit.
    selectors=$(grep -c 'objectSelector:' "$entries")
    templates=$(grep -c 'name: template-not-opted-out' "$entries")
    # Listed DaemonSets, DataVolumes and claims of both kinds of classes are there only where policy names them.
    more=0
    [ "$name" != everything ] || more=4
    if [ "$webhooks" = $((10 + more)) ] && [ "$selectors" = $((6 + more)) ] && [ "$templates" = 4 ]; then ok; else
        bad "$name: $webhooks webhooks, $selectors object selectors, $templates template conditions"
    fi
    has "$name" 'name: admission.vmberth.io'
    has "$name" 'values: ["edge-ns"'
    has "$name" 'readOnlyRootFilesystem: true'
    has "$name" 'automountServiceAccountToken: false'
done

has default '--policy-configmap=vmberth-policy'
has default '--watch-networks'
has default 'hugepages: none'
lacks default 'name: datavolume.vmberth.io'
for part in webhook exporter scheduler; do
    for name in default everything minimal; do only "$name" ClusterRole "$part"; done
done
lacks minimal.ClusterRole.webhook 'persistentvolumeclaims'
lacks default '--watch-claims'
lacks default 'client-ca'
has everything '--watch-claims'
has everything '--client-ca=/etc/vmberth/client-ca/ca.crt'
has everything 'name: apiserver-ca'
has everything 'name in ["local-vd","local-storage"]'
has everything ".orValue('') in [\"\",\"local-vd\"]"
has everything 'in ["sriov/kube-sriov-device-plugin","sriov/kube-sriov-cni"]'
# Claims are told by their annotation: those of older clients carry no label.
lacks everything 'applyStorageProfile'
has everything "storage.upload.target' in"
has everything 'filesystemOverhead: 0.1'
has default 'image: "ghcr.io/vmberth/webhook:0.1.0"'
has default 'prometheus.io/port: "8080"'
has default 'replicas: 2'
lacks default 'ServiceMonitor'
lacks minimal 'prometheus.io/'
lacks minimal 'tolerationSeconds'
has everything 'image: "registry.example.org:5000/edge/vmberth/certs:0123abc-dirty"'
has everything 'values: ["edge-ns","infra","kube-system","other-vms"]'
has everything 'kind: ServiceMonitor'
has everything 'kind: PrometheusRule'
has everything 'expr: min(vmberth_exporter_inventory_served) == 0'
has everything 'failurePolicy: Ignore'
lacks everything.MutatingWebhookConfiguration 'failurePolicy: Fail'
has everything 'example.org/note: kept'
has everything 'key: node-role.kubernetes.io/control-plane'
# ignored FILE: entries whose requests go on without us, one a line
ignored() {
    awk '$2 == "name:" && $3 ~ /\.vmberth\.io$/ { name = $3 } $0 ~ /failurePolicy: Ignore/ { print name }' "$out/$1"
}
# By default these and no other: a VM whose template changes must not miss us.
expected='virtualmachineinstancereplicaset.vmberth.io virtualmachinepool.vmberth.io daemonset.vmberth.io'
if [ "$(ignored default | xargs)" = "$expected" ]; then ok; else
    bad "default: failurePolicy Ignore of $(ignored default | xargs)"
fi
# Once in the policy; with the default also in the four kinds of pods.
if [ "$(count default 'key: cmk')" = 5 ] && [ "$(count everything 'key: cmk')" = 1 ]; then ok; else
    bad "own pods: tolerations of the policy"
fi

# Each subject in a file of its own, with the functions from above.
. ./check/exporter.sh
. ./check/scheduler.sh
. ./check/cluster.sh
. ./check/notes.sh

# The definition of NodeInventory is what the binary says.
crd=vmberth/files/nodeinventories.yaml
exporter=${EXPORTER:-${CARGO_TARGET_DIR:-../target}/debug/vmberth-exporter}
if [ ! -x "$exporter" ]; then
    echo "chart: $exporter is not built, so $crd is not compared" >&2
elif "$exporter" --print-crd | cmp -s - "$crd"; then ok; else
    bad "$crd is old: $exporter --print-crd > charts/$crd"
fi

. ./check/refusals.sh

if [ "$failed" != 0 ]; then
    echo "chart: $failed of $((checked + failed)) checks failed" >&2
    exit 1
fi
echo "chart: $checked checks passed with $("$helm" version --short 2>/dev/null)"
