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

# only FILE KIND: the objects of a kind, into FILE.KIND
only() {
    awk -v kind="kind: $2" '
        function flush() { if (wanted) printf "%s", text; text = ""; wanted = 0 }
        $0 == "---" { flush() }
        $0 == kind { wanted = 1 }
        { text = text $0 "\n" }
        END { flush() }' "$out/$1" >"$out/$1.$2"
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
# Once in the policy; with the default also in the three kinds of pods.
if [ "$(count default 'key: cmk')" = 4 ] && [ "$(count everything 'key: cmk')" = 1 ]; then ok; else
    bad "own pods: tolerations of the policy"
fi

# The exporter: what it may do follows from what it is asked for, and nothing is made by default.
for name in default everything; do
    only "$name" DaemonSet
    only "$name" ClusterRole
    only "$name" ValidatingAdmissionPolicy
    agent=$name.DaemonSet
    has "$agent" 'drop: [ALL]'
    has "$agent" 'privileged: false'
    has "$agent" 'allowPrivilegeEscalation: false'
    has "$agent" 'readOnlyRootFilesystem: true'
    has "$agent" 'type: RuntimeDefault'
    has "$agent" 'supplementalGroups: [107]'
    # What read-only would not protect: what is mounted below, sockets, secrets of pods.
    for path in / /run /dev /etc /sys /sys/fs /sys/kernel /var /var/run /var/lib /var/lib/kubelet; do
        lacks "$agent" "hostPath: {path: $path}"
        lacks "$agent" "hostPath: {path: $path,"
    done
    lacks "$agent" 'hostPath: {path: /run/'
    lacks "$agent" 'hostPath: {path: /dev/'
    lacks "$agent" 'hostPath: {path: /etc/'
    # The host's root itself, or all of its /sys.
    if [ "$(count "$agent" 'mountPath: /host[a-z-]*$')" = 0 ] && [ "$(count "$agent" 'mountPath: /host.*/sys$')" = 0 ]; then ok; else
        bad "$agent: a mount of a whole root or sys"
    fi
    # Every volume is mounted, and by its name.
    awk '$2 == "name:" { name = $3 } $1 == "mountPath:" { print name }' "$out/$agent" | sort -u >"$out/mounted"
    awk '$2 == "name:" { name = $3 } $1 ~ /^(hostPath|configMap):/ { print name }' "$out/$agent" | sort >"$out/volumes"
    if cmp -s "$out/mounted" "$out/volumes"; then ok; else
        bad "$agent: mounts and volumes differ:"; diff "$out/mounted" "$out/volumes" >&2 || true
    fi
    # With the type told: the kubelet makes nothing in /proc or /sys.
    if [ "$(count "$agent" 'hostPath: {path: ')" = "$(count "$agent" 'hostPath: {path: .*, type: ')" ]; then ok; else
        bad "$agent: a hostPath without a type"
    fi
    lacks "$agent" '/sys, type: DirectoryOrCreate'
    has "$agent" 'mountPath: /host/sys/kernel/iommu_groups'
    has "$agent" 'mountPath: /host/var/vd'
    has "$agent" '--node-name=$(NODE_NAME)'
    lacks "$agent" 'hostNetwork'
    lacks "$agent" 'hostPID'
    # Every mount but the directories that are wiped and the binder's is read-only.
    mounts=$(count "$agent" 'mountPath: ')
    writable=$((mounts - $(count "$agent" 'readOnly: true')))
    expected=0
    [ "$name" = default ] || expected=3
    if [ "$writable" = "$expected" ]; then ok; else bad "$agent: $writable writable mounts"; fi
    has "$name" 'kind: ExporterConfig'
    has "$name" 'helm.sh/resource-policy: keep'
    has "$name.ValidatingAdmissionPolicy" "system:serviceaccount:edge-ns:vmberth-exporter'"
    has "$name.ValidatingAdmissionPolicy" 'authentication.kubernetes.io/node-name'
    lacks "$name.ValidatingAdmissionPolicy" 'failurePolicy: Ignore'
done
has default.DaemonSet 'priorityClassName: "system-node-critical"'
has default.DaemonSet 'maxUnavailable: 10%'
has default.DaemonSet 'image: "ghcr.io/vmberth/exporter:0.1.0"'
lacks default.DaemonSet 'add: ['
lacks default.DaemonSet 'appArmorProfile'
lacks default.DaemonSet '--volumes-root'
lacks default.DaemonSet '--sysfs-root'
has default.DaemonSet '--kubelet-root=/var/lib/kubelet'
has default.DaemonSet '--resync=60'
has default.DaemonSet 'hostPath: {path: /var/lib/kubelet/pod-resources, type: DirectoryOrCreate}'
has default.DaemonSet 'hostPath: {path: /proc/1, type: Directory}'
has default.DaemonSet 'hostPath: {path: /proc/cpuinfo, type: File}'
lacks default.DaemonSet 'hostPath: {path: /proc,'
lacks default.ClusterRole 'verbs: [create, patch]'
lacks default.ClusterRole 'persistentvolumeclaims'
lacks default 'name: vmberth-exporter-volumes'
lacks default 'name: vmberth-exporter-pods'
lacks default 'verbs: [delete]'
lacks default 'kind: StorageClass'
has everything.DaemonSet 'add: [DAC_OVERRIDE, FOWNER, SYS_PTRACE]'
has everything.DaemonSet 'appArmorProfile: {type: Unconfined}'
has everything.DaemonSet '--volumes-root=/volumes'
has everything.DaemonSet 'mountPath: /volumes/var/vd'
# Only what is wiped, not what is retained.
lacks everything.DaemonSet 'mountPath: /volumes/mnt/fast'
has everything.DaemonSet '--sysfs-root=/host-sys'
has everything.DaemonSet 'mountPath: /host-sys/sys/bus/pci'
has everything.DaemonSet '--kubelet-root=/mnt/kubelet'
has everything.DaemonSet 'mountPath: /host/mnt/kubelet/device-plugins'
has everything.DaemonSet 'hostPath: {path: /mnt/kubelet/pod-resources, type: DirectoryOrCreate}'
has everything.DaemonSet '--resync=30'
has everything.DaemonSet 'hostPath: {path: /proc, type: Directory}'
lacks everything.DaemonSet 'hostPath: {path: /proc/1,'
has everything.DaemonSet 'type: OnDelete'
lacks everything.DaemonSet 'rollingUpdate'
has everything.DaemonSet 'type: spc_t'
has everything.ClusterRole 'verbs: [create, patch]'
has everything 'kind: StorageClass'
has everything 'verbs: [delete]'
volumes=everything.ValidatingAdmissionPolicy
has "$volumes" "matches('^(/var/vd/vol|/mnt/fast/disk)(0|[1-9][0-9]{0,3})$')"
has "$volumes" "in ['local-fast','local-vd']"
has "$volumes" "labels[?'name'].orValue('no such label') == 'sriov-device-plugin'"
if [ "$(count "$volumes" 'kind: ValidatingAdmissionPolicy')" = 4 ] &&
    [ "$(count default.ValidatingAdmissionPolicy 'kind: ValidatingAdmissionPolicy')" = 2 ]; then ok; else
    bad "exporter: number of admission policies"
fi
lacks minimal 'vmberth-exporter'
lacks minimal 'CustomResourceDefinition'

# What is said after an installation. `helm template` does not show it, so it is an object of a copy here.
cp -R vmberth "$out/chart"
notes=$out/chart/templates/_notes.tpl
{ printf '{{- define "notes" -}}\n'; cat vmberth/templates/NOTES.txt; printf '\n{{- end -}}\n'; } >"$notes"
printf 'notes: |\n{{ include "notes" . | indent 2 }}\n' >"$out/chart/templates/notes.yaml"
for name in default everything; do
    if "$helm" template vmberth "$out/chart" --namespace edge-ns -f "vmberth/ci/$name.yaml" \
        --kube-version 1.33.0 --show-only templates/notes.yaml >"$out/$name.notes" 2>"$out/error"; then ok; else
        bad "the notes with $name"; cat "$out/error" >&2
    fi
done
has default.notes '/var/vd/vol0 to 64: only looked at, since the pattern has no storageClass'
# Scratch space may end otherwise than disks do.
has everything.notes "/var/vd/vol0 to 15: PersistentVolumes of class local-vd, data is kept when the claim is gone, that of CDI's scratch space removed"
has everything.notes '/mnt/fast/disk0 to 3: PersistentVolumes of class local-fast, data is kept when the claim is gone'
lacks everything.notes 'local-fast, data is kept when the claim is gone,'

# The definition of NodeInventory is what the binary says.
crd=vmberth/files/nodeinventories.yaml
exporter=${EXPORTER:-${CARGO_TARGET_DIR:-../target}/debug/vmberth-exporter}
if [ ! -x "$exporter" ]; then
    echo "chart: $exporter is not built, so $crd is not compared" >&2
elif "$exporter" --print-crd | cmp -s - "$crd"; then ok; else
    bad "$crd is old: $exporter --print-crd > charts/$crd"
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
refused exporter --set exporter.volume=x
refused exporter.allowWipe --set-string exporter.allowWipe=yes
volume() { path=$1; shift; refused "exporter.volumes.$path" --set-json "exporter.volumes=[$*]"; }
volume 0 '{"directory":"/a","prefix":"vol"}'
volume 0.directory '{"directory":"a","prefix":"vol","max":1}'
volume 0.directory '{"directory":"/a/../b","prefix":"vol","max":1}'
volume 0.prefix '{"directory":"/a","prefix":"b/c","max":1}'
volume 0.max '{"directory":"/a","prefix":"vol","max":1024}'
volume 0.storageClass '{"directory":"/a","prefix":"vol","max":1,"storageClass":"A_","capacity":"fair"}'
volume 0 '{"directory":"/a","prefix":"vol","max":1,"storageClass":"a"}'
volume 0.capacity '{"directory":"/a","prefix":"vol","max":1,"capacity":"lots"}'
volume 0.filesystemOverhead '{"directory":"/a","prefix":"vol","max":1,"filesystemOverhead":1}'
volume 0.overcommit '{"directory":"/a","prefix":"vol","max":1,"overcommit":11}'
volume 0.overcommit '{"directory":"/a","prefix":"vol","max":1,"overcommit":"0.01"}'
volume 0.reclaim '{"directory":"/a","prefix":"vol","max":1,"reclaim":"delete"}'
volume 0.scratchReclaim '{"directory":"/a","prefix":"vol","max":1,"scratchReclaim":"Wipe"}'
volume 0 '{"directory":"/a","prefix":"vol","max":1,"storageClass":"a","capacity":"fair","reclaim":"wipe"}'
volume 0 '{"directory":"/a","prefix":"vol","max":1,"storageClass":"a","capacity":"fair","scratchReclaim":"wipe"}'
volume 1 '{"directory":"/a","prefix":"vol","max":10},{"directory":"/a/","prefix":"vol1","max":1}'
volume 1.directory '{"directory":"/a","prefix":"vol","max":10},{"directory":"/a/vol7/b","prefix":"c","max":1}'
refused exporter.vfPools.0.resource --set exporter.vfPools[0].resource=cpu
refused exporter.vfPools.0.vendors.0 --set-json 'exporter.vfPools=[{"resource":"a.io/b","vendors":[8086]}]'
refused exporter.vfPools.1.resource --set-json 'exporter.vfPools=[{"resource":"a.io/b"},{"resource":"a.io/b"}]'
refused exporter.devicePlugin.labels --set-json 'exporter.devicePlugin.labels={}'
refused exporter.devicePlugin.graceSeconds --set exporter.devicePlugin.graceSeconds=0
refused exporter.binder.0.numVFs --set-json 'exporter.binder=[{"physicalFunction":"a","numVFs":0}]'
refused exporter.binder.0.driver --set-json 'exporter.binder=[{"physicalFunction":"a","numVFs":1,"driver":"uio"}]'
refused exporter.binder.1.physicalFunction --set-json 'exporter.binder=[{"physicalFunction":"a","numVFs":1},{"physicalFunction":"a","numVFs":2}]'
refused exporter.createStorageClasses.0 --set exporter.createStorageClasses[0]=A_
refused exporter.kubeletRoot --set exporter.kubeletRoot=var/lib/kubelet
refused exporter.kubeletRoot --set exporter.kubeletRoot=/
refused exporter.resyncSeconds --set exporter.resyncSeconds=0
refused exporter.resyncSeconds --set exporter.resyncSeconds=601
refused exporter.resyncSeconds --set-string exporter.resyncSeconds=1m
for directory in /var /var/lib/ /var/lib/kubelet /var/lib/kubelet/pods /proc /sys/fs/ /run/vd /dev /etc; do
    refused exporter.volumes.0.directory --set-json 'exporter.volumes=[{"directory":"'$directory'","prefix":"vol","max":1}]'
done
refused exporter.volumes.0.directory --set exporter.kubeletRoot=/var/vd/kubelet
refused exporter.updateStrategy.type --set exporter.updateStrategy.type=Recreate
refused monitoring.serviceMonitor.enabled --set-string monitoring.serviceMonitor.enabled=yes
refused 'incompatible with Kubernetes' --kube-version 1.29.0

if [ "$failed" != 0 ]; then
    echo "chart: $failed of $((checked + failed)) checks failed" >&2
    exit 1
fi
echo "chart: $checked checks passed with $("$helm" version --short 2>/dev/null)"
