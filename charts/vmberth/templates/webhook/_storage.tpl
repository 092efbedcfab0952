{{- /*
DataVolumes and claims of the policy's classes. There are no entries without such classes.

Fail: nobody can change a DataVolume later. A silent miss is an upload that waits for a consumer until its client gives
up, or a claim larger than every volume, pending for ever. Users and controllers who are refused try again.
*/ -}}
{{- define "vmberth.entry.storage" }}
  {{- $classes := include "vmberth.classNames" (dict "root" . "mode" "") }}
  {{- $waiting := include "vmberth.classNames" (dict "root" . "mode" "WaitForFirstConsumer") }}
  {{- $immediate := include "vmberth.classNames" (dict "root" . "mode" "Immediate") }}
  {{- $default := include "vmberth.defaultClass" . | empty | not }}
  {{- if ne $classes "[]" }}

  # Only those of a managed class, or of none while there is a class to give.
  - name: datavolume.vmberth.io
    {{- include "vmberth.entry.storageCommon" . }}
    rules:
      - apiGroups: [cdi.kubevirt.io]
        apiVersions: [v1beta1]
        resources: [datavolumes]
        operations: [CREATE]
        scope: Namespaced
    matchConditions:
      - name: of-a-managed-class
        expression: >-
          object.?spec.?storage.or(object.?spec.?pvc).?storageClassName
          .optMap(name, name == null ? {{ $default }} : name in {{ $classes }}).orValue({{ $default }})
  {{- end }}
  {{- if ne $waiting "[]" }}

  # Only claims that wait for an upload on a managed class that binds with its first consumer; all
  # other claims of the cluster, those of VMs and CDI's scratch included, never call us. By the
  # annotation, which every upload has, and not by a label: older virtctl and claims that were
  # written by hand carry none. Claims of CDI are those of DataVolumes that did not pass us (from a
  # namespace that opted out since, or made while we were away and storage was Ignore).
  # A claim without a class gets one from a later webhook of CDI, and only who was asked first is
  # asked again.
  - name: claim.vmberth.io
    {{- include "vmberth.entry.storageCommon" . }}
    rules:
      - apiGroups: [""]
        apiVersions: [v1]
        resources: [persistentvolumeclaims]
        operations: [CREATE]
        scope: Namespaced
    matchConditions:
      - name: waits-for-an-upload
        expression: "'cdi.kubevirt.io/storage.upload.target' in object.metadata.?annotations.orValue({})"
      - name: not-bound-at-once-already
        expression: "!('cdi.kubevirt.io/storage.bind.immediate.requested' in object.metadata.?annotations.orValue({}))"
      - name: of-a-managed-class
        expression: >-
          object.?spec.?storageClassName.orValue('') in {{ prepend (fromJsonArray $waiting) "" | toJson }}
  {{- end }}
  {{- if and (ne $immediate "[]") (include "vmberth.watchesPlacement" .) }}

  # Claims of a managed class that binds at once, before there is a pod: their node is chosen here. Those of DataVolumes that
  # passed us have their selector already; CDI's scratch space has none, and carries nothing that tells it from others here.
  - name: claim-at-once.vmberth.io
    {{- include "vmberth.entry.storageCommon" . }}
    rules:
      - apiGroups: [""]
        apiVersions: [v1]
        resources: [persistentvolumeclaims]
        operations: [CREATE]
        scope: Namespaced
    matchConditions:
      - name: of-a-managed-class
        expression: object.?spec.?storageClassName.orValue('') in {{ $immediate }}
      - name: names-no-volume
        expression: object.?spec.?volumeName.orValue('') == '' && !object.?spec.?selector.hasValue()
  {{- end }}
{{- end }}

{{- define "vmberth.entry.storageCommon" }}
    {{- include "vmberth.entry.common" . }}
    failurePolicy: {{ .Values.webhook.failurePolicy.storage }}
    objectSelector:
      matchExpressions:
        {{- include "vmberth.entry.optOut" . }}
{{- end }}
