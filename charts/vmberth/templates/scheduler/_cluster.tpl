{{- /*
The extender alone, asked by the cluster's own kube-scheduler through a Service, both with certificates that the operator gives: who
asks runs outside of the release, with files that only he can put there, and reads the CA only when it starts.
*/ -}}

{{- /* Whether it is so. Empty means no. */ -}}
{{- define "vmberth.scheduler.cluster" -}}
{{- if eq (toString .Values.scheduler.mode) "cluster" -}}true{{- end -}}
{{- end -}}

{{- define "vmberth.extender" -}}{{ include "vmberth.fullname" . }}-extender{{- end -}}

{{- /* The name that its certificate must have. */ -}}
{{- define "vmberth.extender.host" -}}{{ include "vmberth.extender" . }}.{{ .Release.Namespace }}.svc{{- end -}}

{{- define "vmberth.extender.tlsSecret" -}}
{{- default (printf "%s-tls" (include "vmberth.extender" .)) (.Values.scheduler.cluster).tlsSecret -}}
{{- end -}}

{{- /* Whether pods are to be told apart for it: the policy's word, else by the mode. */ -}}
{{- define "vmberth.requestBerth" -}}
{{- $word := get .Values.policy "requestBerth" -}}
{{- if kindIs "bool" $word -}}{{- $word -}}{{- else -}}{{- not (empty (include "vmberth.scheduler.cluster" .)) -}}{{- end -}}
{{- end -}}

{{- /* What the operator adds to the configuration of the cluster's kube-scheduler. */ -}}
{{- define "vmberth.extender.entry" -}}
{{- $address := default "CLUSTER-IP" (.Values.scheduler.cluster).clusterIP -}}
# Of 100 nodes and more only some are looked at by default, and the extender may refuse just these.
percentageOfNodesToScore: {{ .Values.scheduler.percentageOfNodesToScore }}
extenders:
  # The address of the Service: kube-scheduler on the host's network does not ask the cluster's DNS.
  - urlPrefix: https://{{ ternary (printf "[%s]" $address) $address (contains ":" $address) }}:443
    filterVerb: filter
    # Names of nodes are sent, not the nodes.
    nodeCacheCapable: true
    enableHTTPS: true
    # Files of the control plane's nodes. Without caFile the extender's certificate would not be checked at all.
    tlsConfig:
      serverName: {{ include "vmberth.extender.host" . }}
      caFile: /etc/kubernetes/{{ include "vmberth.extender" . }}/ca.crt
      certFile: /etc/kubernetes/{{ include "vmberth.extender" . }}/tls.crt
      keyFile: /etc/kubernetes/{{ include "vmberth.extender" . }}/tls.key
    # Only pods that request it are asked about; no node has it, and kube-scheduler is not to look for it.
    managedResources:
      - name: vmberth.io/berth
        ignoredByScheduler: true
    # By default 5s, in which no other pod of the cluster is placed.
    httpTimeout: 2s
    # A VM waits while the extender is away; placed without it, its disk could be bound where it can never run.
    ignorable: false
{{- end -}}
