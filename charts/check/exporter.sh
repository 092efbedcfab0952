#!/bin/sh
# Part of ../check.sh, which sources it: the exporter.

# The exporter: what it may do follows from what it is asked for, and nothing is made by default.
for name in default everything; do
    only "$name" DaemonSet
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
lacks default.ClusterRole.exporter 'verbs: [create, patch]'
lacks default.ClusterRole.exporter 'persistentvolumeclaims'
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
has everything.ClusterRole.exporter 'verbs: [create, patch]'
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

# The policy knows which classes keep scratch space: each disk of a VM then takes one of its own.
"$helm" template vmberth vmberth --namespace edge-ns --kube-version 1.33.0 \
    --set-json 'exporter.volumes=[{"directory":"/a/","prefix":"vol","max":3,"storageClass":"kept","capacity":"15Gi"}]' \
    --set-json 'policy.storageClasses=[{"name":"kept","bindingMode":"Immediate"},{"name":"other","bindingMode":"Immediate"}]' >"$out/scratch"
if [ "$(count scratch 'scratchReclaim: retain')" = 1 ]; then ok; else bad "scratch: scratchReclaim of the policy's classes"; fi
only everything ConfigMap webhook
has everything.ConfigMap.webhook 'bindingMode'
lacks everything.ConfigMap.webhook 'scratchReclaim'
