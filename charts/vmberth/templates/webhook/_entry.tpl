{{- /*
What the entries of the webhook configuration have in common. They are told by subject in _machines.tpl, _pods.tpl,
_daemonsets.tpl and _storage.tpl, each with the reason of its failurePolicy; configuration.yaml puts them together.

The argument of all of these is the release's own scope.
*/ -}}
{{- define "vmberth.entry.common" }}
    clientConfig:
      service:
        name: {{ include "vmberth.webhook" . }}
        namespace: {{ .Release.Namespace }}
        path: /mutate
        port: 443
    admissionReviewVersions: [v1]
    sideEffects: None
    timeoutSeconds: {{ .Values.webhook.timeoutSeconds }}
    matchPolicy: Equivalent
    # A later webhook may add what we look at; a second run of ours changes nothing.
    reinvocationPolicy: IfNeeded
    namespaceSelector:
      matchExpressions:
        - {key: vmberth.io/inject, operator: NotIn, values: ["false"]}
        - key: kubernetes.io/metadata.name
          operator: NotIn
          values: {{ include "vmberth.exemptNamespaces" . }}
{{- end }}

{{- /* Opting out of an object that carries the label itself. */ -}}
{{- define "vmberth.entry.optOut" }}
        - {key: vmberth.io/inject, operator: NotIn, values: ["false"]}
{{- end }}

{{- /* An object that goes is let go: finalizers are taken away without a call. */ -}}
{{- define "vmberth.entry.notBeingDeleted" }}
      - name: not-being-deleted
        expression: '!has(object.metadata.deletionTimestamp)'
{{- end }}
