#!/bin/sh
# Part of ../check.sh, which sources it: the scheduler.

# The scheduler: kube-scheduler of the cluster's version with the extender beside it, and nothing where it is off.
for name in default everything; do
    for kind in Deployment ConfigMap Role RoleBinding ClusterRoleBinding Lease CSIStorageCapacity PodDisruptionBudget ServiceAccount; do
        only "$name" "$kind" scheduler
    done
    deployment=$name.Deployment.scheduler
    if [ "$(count "$deployment" 'kind: Deployment')" = 1 ] && [ "$(count "$deployment" 'readOnlyRootFilesystem: true')" = 2 ] &&
        [ "$(count "$deployment" 'drop: \[ALL\]')" = 2 ] && [ "$(count "$deployment" 'startupProbe:')" = 2 ]; then ok; else
        bad "$deployment: containers"
    fi
    has "$deployment" 'runAsNonRoot: true'
    has "$deployment" 'type: RuntimeDefault'
    has "$deployment" 'maxUnavailable: 0'
    lacks "$deployment" 'hostPath'
    lacks "$deployment" 'hostNetwork'
    # Nobody but the neighbour in the pod asks it.
    has "$deployment" '--listen=127.0.0.1:8888'
    has "$deployment" '--authentication-skip-lookup=true'
    has "$deployment" 'path: /readyz, port: https, scheme: HTTPS'
    # It is placed by the cluster's own scheduler.
    lacks "$deployment" 'schedulerName'
    config=$name.ConfigMap.scheduler
    has "$config" 'apiVersion: kubescheduler.config.k8s.io/v1'
    has "$config" 'resourceName: vmberth-scheduler'
    has "$config" 'resourceNamespace: edge-ns'
    has "$config" 'urlPrefix: http://127.0.0.1:8888'
    has "$config" 'nodeCacheCapable: true'
    has "$config" 'ignorable: false'
    has "$config" 'httpTimeout: 1s'
    lacks "$config" 'default-scheduler'
    lacks "$config" 'bindVerb'
    has "$name.Lease.scheduler" 'name: vmberth-scheduler'
    has "$name.PodDisruptionBudget.scheduler" 'maxUnavailable: 1'
    # Our own rights are to read, and one Lease by name.
    if [ "$(count "$name.ClusterRole.scheduler" 'verbs: ')" = "$(count "$name.ClusterRole.scheduler" 'verbs: \[list, watch\]$')" ]; then ok; else
        bad "$name: the extender may do more than read"
    fi
    for resource in nodes pods namespaces persistentvolumes persistentvolumeclaims storageclasses virtualmachines virtualmachineinstances \
        network-attachment-definitions nodeinventories cdiconfigs; do
        if grep -qE "resources: \[(.*, )?$resource[],]" "$out/$name.ClusterRole.scheduler"; then ok; else
            bad "$name: the extender can't read $resource"
        fi
    done
    has "$name.Role.scheduler" 'resourceNames: [vmberth-scheduler]'
    has "$name.Role.scheduler" 'verbs: [get, update]'
    has "$name.Role.scheduler" 'verbs: [patch]'
    has "$name.CSIStorageCapacity.scheduler" 'storageClassName: vmberth-scheduler-has-none'
    has "$deployment" '--wake=vmberth-scheduler'
    has "$deployment" '--policy=/etc/vmberth/policy/policy.yaml'
    has "$name.ClusterRoleBinding.scheduler" 'name: system:kube-scheduler'
    has "$name.ClusterRoleBinding.scheduler" 'name: system:volume-scheduler'
done
has default.Deployment.scheduler 'image: "registry.k8s.io/kube-scheduler:v1.33.0"'
has default.Deployment.scheduler 'image: "ghcr.io/vmberth/extender:0.1.0"'
has default.Deployment.scheduler 'replicas: 2'
has default.ConfigMap.scheduler 'schedulerName: vmberth-scheduler'
has default.ConfigMap.scheduler 'percentageOfNodesToScore: 100'
has default.ConfigMap.scheduler 'qps: 200'
has default.ConfigMap.scheduler 'burst: 400'
lacks default.ConfigMap.scheduler 'prioritizeVerb'
has default.ConfigMap.scheduler 'leaseDuration: 15s'
has default.ConfigMap.scheduler 'renewDeadline: 10s'
has everything.Deployment.scheduler 'image: "registry.example.org:5000/mirror/kube-scheduler:v1.33.4-1"'
has everything.Deployment.scheduler 'image: "registry.example.org:5000/edge/vmberth/extender:0123abc-dirty"'
has everything.Deployment.scheduler '--logging-format=text'
has everything.Deployment.scheduler '--v=4'
has everything.ConfigMap.scheduler 'schedulerName: placer'
has everything.ConfigMap.scheduler 'renewDeadline: 20s'
has everything 'expr: absent(vmberth_extender_build_info)'
lacks minimal '-scheduler'
lacks minimal 'vmberth_extender'

# render FILE ARGUMENT...: the default values and these arguments
render() {
    file=$1
    shift
    if "$helm" template vmberth vmberth --namespace edge-ns "$@" >"$out/$file" 2>"$out/error"; then ok; else
        bad "helm template $*"
        cat "$out/error" >&2
    fi
}
# schedulerName VALUES: what the policy gives to VMs there
scheduler_name() {
    only "$1" ConfigMap webhook
    sed -n 's/^ *schedulerName: //p' "$out/$1.ConfigMap.webhook"
}
for known in 'default:vmberth-scheduler' 'everything:edge-scheduler' 'minimal:""'; do
    name=${known%%:*}
    found=$(scheduler_name "$name")
    if [ "$found" = "${known#*:}" ]; then ok; else bad "$name: the policy's schedulerName is $found"; fi
done
render renamed --kube-version 1.33.0 --set scheduler.name=placer \
    --set-json 'policy.storageClasses=[{"name":"a","bindingMode":"Immediate"}]'
if [ "$(scheduler_name renamed)" = placer ]; then ok; else bad "scheduler.name does not reach the policy"; fi
has renamed '--watch-claims'
render off --kube-version 1.33.0 --set scheduler.mode=off
lacks off 'extender'
if [ "$(scheduler_name off)" = '""' ]; then ok; else bad "off: the policy names a scheduler"; fi
# Distributions add to the version; there is no such image.
for version in v1.30.4+k3s1 v1.30.4-eks-1234567 v1.30.4; do
    render version --kube-version "$version"
    has version 'image: "registry.k8s.io/kube-scheduler:v1.30.4"'
    # That version does not know the others yet.
    has version 'path: /healthz, port: https'
    lacks version 'path: /readyz, port: https'
done
render older --kube-version v1.31.4 --set scheduler.image.tag=v1.30.9
has older 'path: /healthz, port: https'
lacks older 'path: /readyz, port: https'
# What kube-scheduler reads only at start must roll its pods.
checksum() { sed -n 's/^ *checksum\/config: //p' "$out/$1"; }
if [ -n "$(checksum default)" ] && [ "$(checksum default)" != "$(checksum renamed)" ] && [ "$(checksum default)" = "$(checksum version)" ]; then ok; else
    bad "checksum of the scheduler's configuration"
fi

# A word on VMs that no node could ever hold: the webhook then reads what the extender does, by the same rules, and nothing more.
rules() { sed -n '/^rules:/,/^---/p' "$out/$1" | grep -v '^ *#'; }
for name in default everything; do
    only "$name" Deployment webhook
    has "$name.Deployment.webhook" '--watch-placement'
    if [ -n "$(rules "$name.ClusterRole.webhook")" ] &&
        [ "$(rules "$name.ClusterRole.webhook")" = "$(rules "$name.ClusterRole.scheduler")" ]; then ok; else
        bad "$name: the webhook reads something else than the extender"
    fi
done
lacks minimal '--watch-placement'
lacks off '--watch-placement'
render ignore --kube-version 1.33.0 --set policy.infeasible=ignore
only ignore ClusterRole webhook
lacks ignore '--watch-placement'
has ignore '--watch-networks'
has ignore 'infeasible: ignore'
if [ "$(rules ignore.ClusterRole.webhook | grep -c 'resources:')" = 1 ]; then ok; else
    bad "ignore: the webhook reads more than networks"
fi
has default 'infeasible: warn'
# Nor can it choose the node of claims that bind at once without knowing the cluster.
lacks default 'claim-at-once.vmberth.io'
has everything 'claim-at-once.vmberth.io'
render at-once --kube-version 1.33.0 --set policy.infeasible=ignore \
    --set-json 'policy.storageClasses=[{"name":"a","bindingMode":"Immediate"},{"name":"b","bindingMode":"WaitForFirstConsumer"}]'
has at-once '--watch-placement'
has at-once "expression: object.?spec.?storageClassName.orValue('') in [\"a\"]"
render waits --kube-version 1.33.0 --set-json 'policy.storageClasses=[{"name":"b","bindingMode":"WaitForFirstConsumer"}]'
lacks waits 'claim-at-once.vmberth.io'
render nobody --kube-version 1.33.0 --set scheduler.mode=off \
    --set-json 'policy.storageClasses=[{"name":"a","bindingMode":"Immediate"}]'
lacks nobody '--watch-placement'
lacks nobody 'claim-at-once.vmberth.io'
