{{- /* VMs, instances, and what makes many of them. */ -}}
{{- define "vmberth.entry.machines" }}
  # Fail: pages, interfaces and addresses exist only in the VM's template, where nobody would add them
  # later: a silent miss starts a VM without its network. The user is there and can try again.
  - name: create.virtualmachine.vmberth.io
    {{- include "vmberth.entry.common" . }}
    failurePolicy: {{ .Values.webhook.failurePolicy.virtualMachines }}
    rules:
      - apiGroups: [kubevirt.io]
        apiVersions: [v1, v1alpha3]
        resources: [virtualmachines]
        operations: [CREATE]
        scope: Namespaced
    matchConditions:
      {{- include "vmberth.entry.templateNotOptedOut" "object.?spec" }}

  # Fail, for the same reason: a manifest that is applied while we are away drops what we had added
  # to its lists, virtual functions above all, and a later update would not bring it back.
  # Whatever our state, a VM can be started, stopped, restarted, paused and deleted: virtctl and
  # virt-api change spec.running or spec.runStrategy for that, status (not a resource of this rule),
  # or the instance (KubeVirt 1.8.4, pkg/virt-api/rest/lifecycle.go), never the template; of a VM that
  # is being deleted nothing calls us, so its finalizers go. Of what KubeVirt writes itself, only
  # this touches a template: firmware.uuid of old VMs, added volumes, restored or expanded VMs; its
  # controllers try again, after they have started or stopped what was to be.
  - name: update.virtualmachine.vmberth.io
    {{- include "vmberth.entry.common" . }}
    failurePolicy: {{ .Values.webhook.failurePolicy.virtualMachines }}
    rules:
      - apiGroups: [kubevirt.io]
        apiVersions: [v1, v1alpha3]
        resources: [virtualmachines]
        operations: [UPDATE]
        scope: Namespaced
    matchConditions:
      {{- include "vmberth.entry.templateNotOptedOut" "object.?spec" }}
      {{- include "vmberth.entry.notBeingDeleted" . }}
      - name: template-wishes-or-label-changed
        expression: >-
          object.?spec.?template != oldObject.?spec.?template
          || object.?spec.?dataVolumeTemplates != oldObject.?spec.?dataVolumeTemplates
          {{- include "vmberth.entry.ownWordsChanged" . }}

  # Fail: as for a VM; nobody else's template repairs this one. Creation only: KubeVirt refuses a
  # changed spec. Instances of a VM are left out: what they are comes from the VM's template, and
  # virt-controller takes other tolerations away again. Of a VM is what a VM controls; who only
  # names one as an owner, so that it is deleted with it, makes an instance of its own.
  - name: create.virtualmachineinstance.vmberth.io
    {{- include "vmberth.entry.common" . }}
    failurePolicy: {{ .Values.webhook.failurePolicy.virtualMachines }}
    objectSelector:
      matchExpressions:
        {{- include "vmberth.entry.optOut" . }}
    rules:
      - apiGroups: [kubevirt.io]
        apiVersions: [v1, v1alpha3]
        resources: [virtualmachineinstances]
        operations: [CREATE]
        scope: Namespaced
    matchConditions:
      - name: no-virtualmachine-controls-it
        expression: >-
          !object.?metadata.?ownerReferences.orValue([]).exists(owner,
          owner.?controller.orValue(false) && owner.kind == 'VirtualMachine'
          && owner.apiVersion.startsWith('kubevirt.io/'))

  # Ignore: what they make, instances and VMs, is reviewed in its turn by the rules above.
  - name: virtualmachineinstancereplicaset.vmberth.io
    {{- include "vmberth.entry.common" . }}
    failurePolicy: Ignore
    rules:
      - apiGroups: [kubevirt.io]
        apiVersions: [v1, v1alpha3]
        resources: [virtualmachineinstancereplicasets]
        operations: [CREATE, UPDATE]
        scope: Namespaced
    matchConditions:
      {{- include "vmberth.entry.templateNotOptedOut" "object.?spec" }}
      {{- include "vmberth.entry.notBeingDeleted" . }}
      - name: template-wishes-or-label-changed
        expression: >-
          request.operation == 'CREATE' || object.?spec.?template != oldObject.?spec.?template
          {{- include "vmberth.entry.ownWordsChanged" . }}

  # Ignore: as above.
  - name: virtualmachinepool.vmberth.io
    {{- include "vmberth.entry.common" . }}
    failurePolicy: Ignore
    rules:
      - apiGroups: [pool.kubevirt.io]
        apiVersions: [v1beta1, v1alpha1]
        resources: [virtualmachinepools]
        operations: [CREATE, UPDATE]
        scope: Namespaced
    matchConditions:
      {{- include "vmberth.entry.templateNotOptedOut" "object.?spec.?virtualMachineTemplate.?spec" }}
      {{- include "vmberth.entry.notBeingDeleted" . }}
      - name: template-wishes-or-label-changed
        expression: >-
          request.operation == 'CREATE'
          || object.?spec.?virtualMachineTemplate != oldObject.?spec.?virtualMachineTemplate
          {{- include "vmberth.entry.ownWordsChanged" . }}
{{- end }}

{{- /* The label that pods will inherit. The argument is where the template stands. */ -}}
{{- define "vmberth.entry.templateNotOptedOut" }}
      - name: template-not-opted-out
        expression: >-
          {{ . }}.?template.?metadata.?labels[?'vmberth.io/inject'].orValue('') != 'false'
{{- end }}

{{- /* An update that brings, changes or takes away an annotation of ours on the object itself, or its
opt-out label, which is copied to the template then. The record is none that a user writes. */ -}}
{{- define "vmberth.entry.ownWordsChanged" }}
          || object.metadata.?labels[?'vmberth.io/inject'] != oldObject.metadata.?labels[?'vmberth.io/inject']
          || [object, oldObject].exists(one, one.metadata.?annotations.orValue({}).exists(name,
          name.startsWith('vmberth.io/') && name != 'vmberth.io/injected'
          && object.metadata.?annotations[?name] != oldObject.metadata.?annotations[?name]))
{{- end }}
