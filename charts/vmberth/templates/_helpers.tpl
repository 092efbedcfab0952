{{- /* Names. The webhook configuration's name is fixed: it has to sort before virt-api-mutator,
       so that KubeVirt's defaulting sees what we add. */ -}}
{{- define "vmberth.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "vmberth.webhook" -}}{{ include "vmberth.fullname" . }}-webhook{{- end -}}
{{- define "vmberth.certs" -}}{{ include "vmberth.fullname" . }}-certs{{- end -}}
{{- define "vmberth.exporter" -}}{{ include "vmberth.fullname" . }}-exporter{{- end -}}
{{- define "vmberth.tlsSecret" -}}{{ include "vmberth.fullname" . }}-webhook-tls{{- end -}}
{{- define "vmberth.caSecret" -}}{{ include "vmberth.fullname" . }}-ca{{- end -}}
{{- define "vmberth.configuration" -}}admission.vmberth.io{{- end -}}

{{- /* Arguments of the following: (dict "root" . "component" "webhook") */ -}}
{{- define "vmberth.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "vmberth.labels" -}}
{{ include "vmberth.selectorLabels" . }}
app.kubernetes.io/part-of: vmberth
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "vmberth.image" -}}
{{- $image := .root.Values.image -}}
{{- $path := list $image.registry $image.repository .component | compact | join "/" -}}
{{- printf "%s:%s" $path (default .root.Chart.AppVersion $image.tag) -}}
{{- end -}}

{{- /* Labels and annotations of a pod, with further "annotations" if there are some. No checksum of the policy: it is
       reloaded, not restarted. */ -}}
{{- define "vmberth.podMetadata" -}}
labels:
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- include "vmberth.selectorLabels" . | nindent 2 }}
  app.kubernetes.io/part-of: vmberth
{{- $annotations := deepCopy .root.Values.podAnnotations -}}
{{- if .root.Values.monitoring.annotations -}}
{{- $scrape := dict "prometheus.io/scrape" "true" "prometheus.io/port" "8080" "prometheus.io/path" "/metrics" "prometheus.io/scheme" "http" -}}
{{- $annotations = mergeOverwrite $annotations $scrape -}}
{{- end }}
{{- with .annotations -}}
{{- $annotations = mergeOverwrite $annotations . -}}
{{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* What all pods have in common. */ -}}
{{- define "vmberth.podSpec" -}}
priorityClassName: {{ .root.Values.priorityClassName | quote }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
nodeSelector:
  {{- toYaml (merge (dict "kubernetes.io/os" "linux") .root.Values.nodeSelector) | nindent 2 }}
{{- $policy := ternary .root.Values.policy.tolerations list .root.Values.tolerateOwnPolicy }}
{{- with concat $policy .root.Values.extraTolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "vmberth.selectorLabels" . | nindent 14 }}
topologySpreadConstraints:
  # Preferred, not required: with one node left, both replicas run there.
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "vmberth.selectorLabels" . | nindent 8 }}
{{- end -}}

{{- define "vmberth.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
