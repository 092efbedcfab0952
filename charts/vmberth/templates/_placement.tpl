{{- /*
What is read to say where a VM can run: by the extender, and by the webhook if it says a word on VMs that no node could ever
hold, or chooses the node of claims that bind at once.
*/ -}}
{{- define "vmberth.placement.rules" -}}
# Labels, taints and what the kubelet advertises; who uses how much of it.
- apiGroups: [""]
  resources: [nodes, pods]
  verbs: [list, watch]
# Which volumes are free, and which disk is bound where.
- apiGroups: [""]
  resources: [persistentvolumes, persistentvolumeclaims]
  verbs: [list, watch]
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [list, watch]
# The profile of disks whose VM is not there yet; only those that name one are kept.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
# The VM behind a pod or a disk.
- apiGroups: [kubevirt.io]
  resources: [virtualmachines, virtualmachineinstances]
  verbs: [list, watch]
# The class of CDI's scratch space.
- apiGroups: [cdi.kubevirt.io]
  resources: [cdiconfigs]
  verbs: [list, watch]
# Which device plugin's resource a network stands for.
- apiGroups: [k8s.cni.cncf.io]
  resources: [network-attachment-definitions]
  verbs: [list, watch]
# What the exporter saw on each node.
- apiGroups: [vmberth.io]
  resources: [nodeinventories]
  verbs: [list, watch]
{{- end -}}

{{- /* Whether the webhook has to know all of that. Empty means no. */ -}}
{{- define "vmberth.watchesPlacement" -}}
{{- $immediate := include "vmberth.classNames" (dict "root" . "mode" "Immediate") | ne "[]" -}}
{{- if and (include "vmberth.scheduler.own" .) (or $immediate (ne .Values.policy.infeasible "ignore")) -}}true{{- end -}}
{{- end -}}
