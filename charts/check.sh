#!/bin/sh
# Checks the chart without a cluster: lint and render with every file in ci/, what must and must not
# stand in the result, and that wrong values are refused with their path.
# HELM names the helm to use (3 or 4).
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
    webhooks=$(grep -c 'failurePolicy:' "$out/$name")
    # Pods and instances are kept away by label, templates by the label that their pods inherit.
    selectors=$(grep -c 'objectSelector:' "$out/$name")
    templates=$(grep -c 'name: template-not-opted-out' "$out/$name")
    # Listed DaemonSets, DataVolumes and claims are there only where policy names them.
    more=0
    [ "$name" != everything ] || more=3
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
lacks default 'persistentvolumeclaims'
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
has everything 'failurePolicy: Ignore'
lacks everything 'failurePolicy: Fail'
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
count() { grep -c -- "$2" "$out/$1" || true; }
# Once in the policy; with the default also in both pods.
if [ "$(count default 'key: cmk')" = 3 ] && [ "$(count everything 'key: cmk')" = 1 ]; then ok; else
    bad "own pods: tolerations of the policy"
fi

# refused PATH ARGUMENT...: must fail, and name the value
refused() {
    path=$1
    shift
    if "$helm" template vmberth vmberth --kube-version 1.33.0 "$@" >"$out/error" 2>&1; then
        bad "accepted: $*"
        return
    fi
    # helm 3 and 4 write paths as a.b.0.c or /a/b/0/c
    if tr '/' '.' <"$out/error" | grep -qF -- "$path"; then ok; else
        bad "the refusal of $* does not name $path:"
        cat "$out/error" >&2
    fi
}
refused typo --set typo=1
refused image --set image.pullpolicy=Always
refused image.pullPolicy --set image.pullPolicy=Sometimes
refused image.tag --set image.tag='a b'
refused policy.tolerations.0 --set policy.tolerations[0].operator=Exists
refused policy.tolerations.0 --set policy.tolerations[0].key=cmk,policy.tolerations[0].operator=Exists,policy.tolerations[0].value=x
refused policy.tolerations.0 --set policy.tolerations[0].key=cmk,policy.tolerations[0].operator=Equal
refused policy.tolerations.0 --set policy.tolerations[0].key=cmk,policy.tolerations[0].operator=Exists,policy.tolerations[0].tolerationSeconds=5
refused policy.tolerations.0.effect --set policy.tolerations[0].key=cmk,policy.tolerations[0].operator=Exists,policy.tolerations[0].effect=Never
refused policy.tolerations.0.value --set policy.tolerations[0].key=cmk,policy.tolerations[0].operator=Exists,policy.tolerations[0].value=x
refused policy.exemptNamespaces.0 --set policy.exemptNamespaces[0]=Not_A_Name
refused policy.hugepages --set policy.hugepages=4Mi
refused policy.vfPools.0 --set policy.vfPools[0].resource=intel.com/vf
refused policy.vfPools.0.resource --set policy.vfPools[0].resource=cpu,policy.vfPools[0].network=net
refused policy.vfPools.0.network --set policy.vfPools[0].resource=intel.com/vf,policy.vfPools[0].network=a/b/c
refused policy.vfPools.1.resource --set-json 'policy.vfPools=[{"resource":"a.io/b","network":"net"},{"resource":"a.io/b","network":"other"}]'
refused policy.podInterface --set policy.podInterface=slirp
class() { path=$1; shift; refused "policy.storageClasses.$path" --set-json "policy.storageClasses=[$*]"; }
class 0 '{"name":"a"}'
class 0.name '{"name":"A_","bindingMode":"Immediate"}'
class 0.bindingMode '{"name":"a","bindingMode":"immediate"}'
class 0.default '{"name":"a","bindingMode":"Immediate","default":"yes"}'
class 0.filesystemOverhead '{"name":"a","bindingMode":"Immediate","filesystemOverhead":1}'
class 0.filesystemOverhead '{"name":"a","bindingMode":"Immediate","filesystemOverhead":"6%"}'
class 0.fitOverhead '{"name":"a","bindingMode":"Immediate","fitOverhead":"no"}'
class 0.requireScratch '{"name":"a","bindingMode":"Immediate","requireScratch":1}'
class 1.name '{"name":"a","bindingMode":"Immediate"},{"name":"a","bindingMode":"Immediate"}'
class 1.default '{"name":"a","bindingMode":"Immediate","default":true},{"name":"b","bindingMode":"Immediate","default":true}'
profile() { path=$1; shift; refused "policy.profiles.$path" --set-json "policy.profiles=[$*]"; }
profile 0 '{"vfs":"0"}'
profile 0.name '{"name":"a.b"}'
profile 1.name '{"name":"a"},{"name":"a"}'
profile 0.hugepages '{"name":"a","hugepages":"1G"}'
profile 0.vfs '{"name":"a","vfs":33}'
profile 0.vfs '{"name":"a","vfs":"net=two"}'
profile 0.vfs '{"name":"a","vfs":2}'
profile 0.sshKeys '{"name":"a","sshKeys":"My_Keys"}'
profile 0.selector.matchLabels '{"name":"a","selector":{"matchLabels":{"a b":"c"}}}'
profile 0.selector.matchLabels.a '{"name":"a","selector":{"matchLabels":{"a":true}}}'
profile 0.selector.matchExpressions.0.operator '{"name":"a","selector":{"matchExpressions":[{"key":"a","operator":"Gt"}]}}'
profile 0.selector.matchExpressions.0 '{"name":"a","selector":{"matchExpressions":[{"key":"a","operator":"In"}]}}'
profile 0.selector.matchExpressions.0.values '{"name":"a","selector":{"matchExpressions":[{"key":"a","operator":"NotIn","values":[]}]}}'
profile 0.selector.matchExpressions.0.values '{"name":"a","selector":{"matchExpressions":[{"key":"a","operator":"Exists","values":["x"]}]}}'
refused policy.daemonSets.0 --set policy.daemonSets[0]=plugin
refused policy.daemonSets.0 --set policy.daemonSets[0]=kube-system/plugin
refused policy.schedulerName --set policy.schedulerName=My_Scheduler
refused policy.schedulerName --set policy.schedulerName=default-scheduler
refused policy.plainPasswords --set policy.plainPasswords=Deny
refused policy --set policy.storageClass=x
refused webhook.replicas --set webhook.replicas=0
refused webhook.timeoutSeconds --set webhook.timeoutSeconds=31
refused webhook.failurePolicy.pods --set webhook.failurePolicy.pods=Maybe
refused webhook.failurePolicy.storage --set webhook.failurePolicy.storage=Maybe
refused webhook.clientCA --set webhook.clientCA=No_Name
refused certs.overlap --set certs.overlap=soon
refused certs.leafLifetime --set certs.leafLifetime=30d
refused certs.resources.limits.memory --set certs.resources.limits.memory=lots
refused monitoring.serviceMonitor.enabled --set-string monitoring.serviceMonitor.enabled=yes
refused 'incompatible with Kubernetes' --kube-version 1.29.0

if [ "$failed" != 0 ]; then
    echo "chart: $failed of $((checked + failed)) checks failed" >&2
    exit 1
fi
echo "chart: $checked checks passed with $("$helm" version --short 2>/dev/null)"
