{{- /*
The scheduler of VMs: kube-scheduler itself, with the extender beside it; or the extender alone, for the cluster's own
kube-scheduler (_cluster.tpl). Deployment, configuration and rights stand beside this file; who gets its name is the policy's
schedulerName (../webhook/policy.yaml).
*/ -}}
{{- define "vmberth.scheduler" -}}{{ include "vmberth.fullname" . }}-scheduler{{- end -}}

{{- /* Whether a kube-scheduler of ours is deployed. Empty means no. In YAML a bare `off` is false. */ -}}
{{- define "vmberth.scheduler.own" -}}
{{- if eq (toString .Values.scheduler.mode) "own" -}}true{{- end -}}
{{- end -}}

{{- /* Whether the extender is deployed, with a kube-scheduler or alone. Empty means no. */ -}}
{{- define "vmberth.scheduler.extends" -}}
{{- if has (toString .Values.scheduler.mode) (list "own" "cluster") -}}true{{- end -}}
{{- end -}}

{{- /* What values.schema.json cannot tell of values.scheduler. */ -}}
{{- define "vmberth.scheduler.check" -}}
{{- $scheduler := .Values.scheduler -}}
{{- if and (include "vmberth.scheduler.extends" .) (not .Values.exporter.enabled) -}}
{{- fail (printf "scheduler.mode: found %q while exporter.enabled is false: without inventories nothing can be said of a node; set scheduler.mode=off, or exporter.enabled=true" $scheduler.mode) -}}
{{- end -}}
{{- if and .Values.policy.requestBerth (not (include "vmberth.scheduler.cluster" .)) -}}
{{- fail (printf "policy.requestBerth: found true while scheduler.mode is %q, expected cluster there: no scheduler would know what it means, and VMs would stay Pending; set policy.requestBerth=false" (toString $scheduler.mode)) -}}
{{- end -}}
{{- if include "vmberth.scheduler.own" . -}}
{{- if eq $scheduler.name "default-scheduler" -}}
{{- fail "scheduler.name: found \"default-scheduler\", expected a name of its own: the cluster's scheduler has that one, and two of a name would place the same pods" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /*
Version of the cluster as an image's tag: v1.33.4 of v1.33.4+k3s1 or v1.33.4-eks-1234567. A scheduler may be one minor
version older than the API server, and never newer.
*/ -}}
{{- define "vmberth.scheduler.image" -}}
{{- $image := .Values.scheduler.image -}}
{{- $path := list $image.registry $image.repository | compact | join "/" -}}
{{- printf "%s:%s" $path (default (regexFind "^v[0-9]+[.][0-9]+[.][0-9]+" .Capabilities.KubeVersion.Version) $image.tag) -}}
{{- end -}}

{{- /* kube-scheduler's own configuration file. */ -}}
{{- define "vmberth.scheduler.config" -}}
{{- $scheduler := .Values.scheduler -}}
{{- $lease := int $scheduler.leaseSeconds -}}
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection:
  # By default 50 and 100: a VM with two disks needs four writes, which were twelve VMs a second.
  qps: {{ $scheduler.clientConnection.qps }}
  burst: {{ $scheduler.clientConnection.burst }}
leaderElection:
  leaderElect: true
  resourceLock: leases
  # Not the Lease kube-scheduler in kube-system, which is the cluster's.
  resourceName: {{ include "vmberth.scheduler" . }}
  resourceNamespace: {{ .Release.Namespace }}
  leaseDuration: {{ $lease }}s
  renewDeadline: {{ div (mul 2 $lease) 3 }}s
  retryPeriod: 2s
enableProfiling: false
# Of 100 nodes and more only some are looked at by default, and the extender may refuse just these.
percentageOfNodesToScore: {{ $scheduler.percentageOfNodesToScore }}
profiles:
  - schedulerName: {{ $scheduler.name }}
extenders:
  - urlPrefix: http://127.0.0.1:8888
    filterVerb: filter
    # Names of nodes are sent, not the nodes.
    nodeCacheCapable: true
    # By default 5s, in which no other VM is placed.
    httpTimeout: 1s
    # A VM waits while the extender is away; placed without it, its disk could be bound where it can never run.
    ignorable: false
{{- end -}}
