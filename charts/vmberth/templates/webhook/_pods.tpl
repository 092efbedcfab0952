{{- /*
Pods of KubeVirt and CDI.

Fail, for all of them: without its toleration the pod would wait for a node for ever, since nobody adds one later;
refused, its controller tries again until we are back.
*/ -}}
{{- define "vmberth.entry.pods" }}

  # By label value, so that the control planes of KubeVirt and CDI (virt-api, cdi-deployment, ...),
  # which carry the same label keys, never call us and always start.
  - name: kubevirt.pod.vmberth.io
    {{- include "vmberth.entry.podCommon" . }}
        - {key: kubevirt.io, operator: In, values: [virt-launcher, hotplug-disk]}

  # KubeVirt's export controller replaces all labels of the exporter pod by this one (1.8.4,
  # pkg/storage/export/export/export.go).
  - name: export.pod.vmberth.io
    {{- include "vmberth.entry.podCommon" . }}
        - {key: kubevirt.io.virt-export-service, operator: Exists}

  # Import, upload (also the target of a clone), source of a clone, preparation of a clone.
  - name: cdi.pod.vmberth.io
    {{- include "vmberth.entry.podCommon" . }}
        - {key: app, operator: In, values: [containerized-data-importer]}
        - key: cdi.kubevirt.io
          operator: In
          values: [importer, cdi-upload-server, cdi-clone-source, cdi-populator-prep]

  # DataImportCron's pods that look for a newer image (in CDI's namespace; without one no image comes).
  - name: poller.pod.vmberth.io
    {{- include "vmberth.entry.podCommon" . }}
        - {key: cdi.kubevirt.io/dataImportCronPoller, operator: Exists}
{{- end }}

{{- /* Everything but the labels that tell one kind of pod from another; those come last. */ -}}
{{- define "vmberth.entry.podCommon" }}
    {{- include "vmberth.entry.common" . }}
    failurePolicy: {{ .Values.webhook.failurePolicy.pods }}
    rules:
      - apiGroups: [""]
        apiVersions: [v1]
        resources: [pods]
        operations: [CREATE]
        scope: Namespaced
    objectSelector:
      matchExpressions:
        {{- include "vmberth.entry.optOut" . }}
{{- end }}
