#!/bin/sh
# Part of ../check.sh, which sources it: what is said after an installation.

# What is said after an installation. `helm template` does not show it, so it is an object of a copy here.
cp -R vmberth "$out/chart"
notes=$out/chart/templates/_notes.tpl
{ printf '{{- define "notes" -}}\n'; cat vmberth/templates/NOTES.txt; printf '\n{{- end -}}\n'; } >"$notes"
printf 'notes: |\n{{ include "notes" . | indent 2 }}\n' >"$out/chart/templates/notes.yaml"
for name in default everything minimal; do
    if "$helm" template vmberth "$out/chart" --namespace edge-ns -f "vmberth/ci/$name.yaml" \
        --kube-version 1.33.0 --show-only templates/notes.yaml >"$out/$name.notes" 2>"$out/error"; then ok; else
        bad "the notes with $name"; cat "$out/error" >&2
    fi
done
for request in true false; do
    if "$helm" template vmberth "$out/chart" --namespace edge-ns --set scheduler.mode=cluster --set policy.requestBerth=$request \
        --kube-version 1.33.0 --show-only templates/notes.yaml >"$out/cluster-$request.notes" 2>"$out/error"; then ok; else
        bad "the notes with scheduler.mode cluster"; cat "$out/error" >&2
    fi
    has "cluster-$request.notes" 'get configmap vmberth-scheduler -o jsonpath='"'{.data.extender\.yaml}'"
    has "cluster-$request.notes" 'get service vmberth-extender'
    has "cluster-$request.notes" 'Secret vmberth-extender-tls'
    has "cluster-$request.notes" 'With scheduler.mode=off'
    has "cluster-$request.notes" 'VMs that name a scheduler which was here before'
done
has cluster-true.notes '"Insufficient vmberth.io/berth"'
lacks cluster-false.notes 'UNTIL THEN'
has cluster-false.notes 'policy.requestBerth is false'
lacks default.notes 'vmberth.io/berth'
has default.notes '/var/vd/vol0 to 64: only looked at, since the pattern has no storageClass'
# Scratch space may end otherwise than disks do.
has everything.notes "/var/vd/vol0 to 15: PersistentVolumes of class local-vd, data is kept when the claim is gone, that of CDI's scratch space removed"
has everything.notes '/mnt/fast/disk0 to 3: PersistentVolumes of class local-fast, data is kept when the claim is gone'
lacks everything.notes 'local-fast, data is kept when the claim is gone,'
has default.notes 'kube-scheduler v1.33.0 as vmberth-scheduler'
lacks default.notes 'only VMs that name'
has default.notes 'policy.storageClasses is empty'
lacks everything.notes 'policy.storageClasses is empty'
has everything.notes 'kube-scheduler v1.33.4-1 as placer'
has everything.notes 'policy.schedulerName is edge-scheduler: only VMs that name placer themselves'
lacks minimal.notes 'kube-scheduler'
has minimal.notes 'VMs that name a scheduler which was here before'
