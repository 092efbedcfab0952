{{- /*
DaemonSets that tolerate what VMs tolerate.

Ignore: a DaemonSet is somebody else's part of the cluster, and must be rolled out whatever our state; what was missed
is added by labelling it once more.
*/ -}}
{{- define "vmberth.entry.daemonSets" }}

  # Opted in by label...
  - name: daemonset.vmberth.io
    {{- include "vmberth.entry.daemonSetCommon" . }}
    objectSelector:
      matchExpressions:
        - {key: vmberth.io/inject, operator: In, values: ["true"]}
    matchConditions:
      {{- include "vmberth.entry.daemonSetConditions" . }}
  {{- with .Values.policy.daemonSets }}

  # ... or by name, in policy.daemonSets.
  - name: listed.daemonset.vmberth.io
    {{- include "vmberth.entry.daemonSetCommon" $ }}
    objectSelector:
      matchExpressions:
        - {key: vmberth.io/inject, operator: NotIn, values: ["false", "true"]}
    matchConditions:
      - name: listed-in-the-policy
        expression: >-
          request.namespace + '/' + request.name in {{ toJson . }}
      {{- include "vmberth.entry.daemonSetConditions" $ }}
  {{- end }}
{{- end }}

{{- define "vmberth.entry.daemonSetCommon" }}
    {{- include "vmberth.entry.common" . }}
    failurePolicy: Ignore
    rules:
      - apiGroups: [apps]
        apiVersions: [v1]
        resources: [daemonsets]
        operations: [CREATE, UPDATE]
        scope: Namespaced
{{- end }}

{{- /* Updates of anything else, and the controller's own, need no answer. */ -}}
{{- define "vmberth.entry.daemonSetConditions" }}
      {{- include "vmberth.entry.notBeingDeleted" . }}
      - name: tolerations-or-label-changed
        expression: >-
          request.operation == 'CREATE'
          || object.?spec.?template.?spec.?tolerations != oldObject.?spec.?template.?spec.?tolerations
          || object.metadata.?labels[?'vmberth.io/inject'] != oldObject.metadata.?labels[?'vmberth.io/inject']
{{- end }}
