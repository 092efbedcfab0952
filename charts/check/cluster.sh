#!/bin/sh
# Part of ../check.sh, which sources it: the extender for the cluster's own kube-scheduler.

# deployed NAME ARGUMENT...: the default values with scheduler.mode cluster and these arguments, and its objects
deployed() {
    name=$1
    shift
    render "$name" --kube-version 1.33.0 --set scheduler.mode=cluster "$@"
    for kind in Deployment ConfigMap Service Role ClusterRoleBinding CSIStorageCapacity PodDisruptionBudget ServiceAccount ClusterRole; do
        only "$name" "$kind" scheduler
    done
}
# request FILE: what the policy says there
request_berth() {
    only "$1" ConfigMap webhook
    sed -n 's/^ *requestBerth: //p' "$out/$1.ConfigMap.webhook"
}

deployed cluster
deployment=cluster.Deployment.scheduler
# The extender alone, and only for who has a certificate.
if [ "$(count "$deployment" 'readOnlyRootFilesystem: true')" = 1 ] && [ "$(count "$deployment" '- name: extender')" = 1 ]; then ok; else
    bad "$deployment: containers"
fi
has "$deployment" 'replicas: 2'
has "$deployment" '--listen=0.0.0.0:8443'
has "$deployment" '--tls-dir=/etc/vmberth/tls'
has "$deployment" '--client-ca=/etc/vmberth/tls/ca.crt'
has "$deployment" 'secretName: vmberth-extender-tls'
has "$deployment" '--wake=vmberth-scheduler'
lacks "$deployment" '127.0.0.1'
lacks "$deployment" 'name: kube-scheduler'
lacks "$deployment" 'checksum/config'
lacks "$deployment" 'subPath:'
has cluster.Service.scheduler 'name: vmberth-extender'
has cluster.Service.scheduler 'sessionAffinity: ClientIP'
lacks cluster.Service.scheduler 'clusterIP'
has cluster.CSIStorageCapacity.scheduler 'name: vmberth-scheduler'
has cluster.PodDisruptionBudget.scheduler 'maxUnavailable: 1'
# It reads, and wakes.
lacks cluster 'kind: Lease'
lacks cluster.ClusterRoleBinding.scheduler 'system:'
has cluster.ClusterRoleBinding.scheduler 'name: vmberth-scheduler'
if [ "$(count cluster.Role.scheduler 'verbs: ')" = 1 ] && [ "$(count cluster.Role.scheduler 'verbs: \[patch\]')" = 1 ]; then ok; else
    bad "cluster: the extender's Role"
fi
# Events on VMs are its own there; in mode own kube-scheduler's role has them.
has cluster.ClusterRole.scheduler 'resources: [events]'
if [ "$(count cluster.ClusterRole.scheduler 'verbs: \[create\]')" = 1 ] &&
    sed '/# Which VMs no node could ever hold/,/create/d' "$out/cluster.ClusterRole.scheduler" |
    cmp -s - "$out/default.ClusterRole.scheduler"; then ok; else
    bad "cluster: the extender reads something else than in mode own"
fi
# What the operator adds.
entry=cluster.ConfigMap.scheduler
has "$entry" 'extender.yaml: |'
lacks "$entry" 'config.yaml:'
has "$entry" 'urlPrefix: https://CLUSTER-IP:443'
has "$entry" 'filterVerb: filter'
lacks "$entry" 'prioritizeVerb'
has "$entry" 'nodeCacheCapable: true'
has "$entry" 'enableHTTPS: true'
has "$entry" 'serverName: vmberth-extender.edge-ns.svc'
has "$entry" 'caFile: /etc/kubernetes/vmberth-extender/ca.crt'
has "$entry" '- name: vmberth.io/berth'
has "$entry" 'ignoredByScheduler: true'
has "$entry" 'httpTimeout: 2s'
has "$entry" 'ignorable: false'
lacks "$entry" 'insecure'
lacks "$entry" 'bindVerb'
# Pods are told apart; nobody gets another scheduler.
if [ "$(request_berth cluster)" = true ]; then ok; else bad "cluster: the policy requests no berth"; fi
if [ "$(scheduler_name cluster)" = '""' ]; then ok; else bad "cluster: the policy names a scheduler"; fi
for name in default minimal off; do
    if [ "$(request_berth "$name")" = false ]; then ok; else bad "$name: the policy requests a berth"; fi
    lacks "$name" 'vmberth-extender'
done
lacks cluster '--watch-claims'

deployed settings --set policy.requestBerth=false --set scheduler.cluster.tlsSecret=mine --set scheduler.cluster.clusterIP=fd00::53 \
    --set-json 'policy.storageClasses=[{"name":"a","bindingMode":"Immediate"}]' --set monitoring.prometheusRule.enabled=true
if [ "$(request_berth settings)" = false ]; then ok; else bad "policy.requestBerth does not reach the policy"; fi
has settings.Deployment.scheduler 'secretName: mine'
has settings.Service.scheduler 'clusterIP: "fd00::53"'
has settings.ConfigMap.scheduler 'urlPrefix: https://[fd00::53]:443'
has settings 'expr: absent(vmberth_extender_build_info)'
has settings 'expr: min(vmberth_extender_certificate_expiry_timestamp_seconds)'
lacks everything 'vmberth_extender_certificate_expiry'
lacks settings '--watch-claims'
deployed classes --set-json 'policy.storageClasses=[{"name":"a","bindingMode":"Immediate"}]'
has classes '--watch-claims'
has classes 'resources: [persistentvolumeclaims]'
