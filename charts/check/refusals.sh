#!/bin/sh
# Part of ../check.sh, which sources it: wrong values.

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
class 0.scratchReclaim '{"name":"a","bindingMode":"Immediate","scratchReclaim":"keep"}'
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
refused policy.infeasible --set policy.infeasible=Deny
refused policy.infeasible --set policy.infeasible=off
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
refused 'found "cluster" while exporter.enabled is false' --set scheduler.mode=cluster --set exporter.enabled=false
refused policy.diskProfile --set policy.diskProfile=ghost
refused policy.requestBerth --set policy.requestBerth=true
refused policy.requestBerth --set policy.requestBerth=true --set scheduler.mode=off
refused policy.requestBerth --set-string policy.requestBerth=yes
refused scheduler.cluster.tlsSecret --set scheduler.cluster.tlsSecret=No_Name
refused scheduler.cluster.clusterIP --set scheduler.cluster.clusterIP=extender.svc
refused scheduler.cluster --set scheduler.cluster.caBundle=x
refused scheduler.mode --set scheduler.mode=none
refused scheduler.mode --set scheduler.mode=true
refused 'found "own" while exporter.enabled is false' --set exporter.enabled=false
refused scheduler.name --set scheduler.name=default-scheduler
refused scheduler.name --set scheduler.name=My_Scheduler
refused scheduler.name --set scheduler.name=
refused scheduler.replicas --set scheduler.replicas=0
refused scheduler.image --set scheduler.image.name=x
refused scheduler.image.tag --set scheduler.image.tag='a b'
refused scheduler.leaseSeconds --set scheduler.leaseSeconds=5
refused scheduler.percentageOfNodesToScore --set scheduler.percentageOfNodesToScore=0
refused scheduler.clientConnection.qps --set scheduler.clientConnection.qps=0
refused scheduler.verbosity --set scheduler.verbosity=11
refused scheduler.resources --set scheduler.resources.requests.cpu=1
refused scheduler.resources.extender.limits.memory --set scheduler.resources.extender.limits.memory=lots
refused scheduler --set scheduler.extender=x
refused monitoring.serviceMonitor.enabled --set-string monitoring.serviceMonitor.enabled=yes
refused 'incompatible with Kubernetes' --kube-version 1.29.0
