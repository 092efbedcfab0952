{{- /*
One ValidatingAdmissionPolicy with its binding.
Arguments: (dict "root" . "about" "events" "rules" YAML "validations" YAML)
Requests of anybody but the exporter's account are not evaluated.
*/ -}}
{{- define "vmberth.exporter.admission" -}}
{{- $part := dict "root" .root "component" "exporter" -}}
{{- $name := printf "%s-%s" (include "vmberth.exporter" .root) .about -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ $name }}
  labels:
    {{- include "vmberth.labels" $part | nindent 4 }}
spec:
  # A rule that can't be evaluated refuses: an agent tries again, and nothing waits for it.
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      {{- .rules | trim | nindent 6 }}
  matchConditions:
    - name: by-the-exporter
      expression: >-
        request.userInfo.username == 'system:serviceaccount:{{ .root.Release.Namespace }}:{{ include "vmberth.exporter" .root }}'
  variables:
    # From the token, which is bound to a pod and by it to a node: nobody can choose it. Empty for a token that
    # was not given to a pod.
    - name: node
      expression: >-
        request.userInfo.?extra[?'authentication.kubernetes.io/node-name'][?0].orValue('')
  validations:
    - expression: variables.node != ''
      reason: Forbidden
      message: the exporter's token names no node; expected one that the kubelet gave to a pod of it
    {{- .validations | trim | nindent 4 }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "vmberth.labels" $part | nindent 4 }}
spec:
  policyName: {{ $name }}
  validationActions: [Deny]
{{- end -}}

{{- define "vmberth.exporter.admission.inventories" -}}
- expression: object.metadata.?name.orValue('') == variables.node
  reason: Forbidden
  messageExpression: >-
    'NodeInventory ' + object.metadata.?name.orValue('') + ' is another node\'s; expected ' + variables.node
{{- end -}}

{{- define "vmberth.exporter.admission.events" -}}
- expression: >-
    [dyn(object), dyn(oldObject)].all(event, event == null
    || (event.?regarding.?kind.orValue('') == 'Node' && event.?regarding.?name.orValue('') == variables.node))
  reason: Forbidden
  messageExpression: >-
    'an Event of the exporter is about its own node; expected regarding Node ' + variables.node
{{- end -}}

{{- define "vmberth.exporter.admission.pods" -}}
- expression: oldObject.spec.?nodeName.orValue('') == variables.node
  reason: Forbidden
  messageExpression: >-
    'the pod runs on ' + oldObject.spec.?nodeName.orValue('no node') + '; expected one on ' + variables.node
- expression: >-
    {{- range $key, $value := include "vmberth.exporter.pluginLabels" . | fromJson }}
    oldObject.metadata.?labels[?{{ $key | squote }}].orValue('no such label') == {{ $value | squote }} &&
    {{- end }} true
  reason: Forbidden
  message: the exporter deletes only pods with the labels of exporter.devicePlugin
{{- end -}}

{{- /*
PersistentVolumes: what one of ours is at its creation, and what may change of it. The claim is only
ever taken out of a volume that is released; what people write (keep, the node that it was made on) and
what others wait for (finalizers) stays.
*/ -}}
{{- define "vmberth.exporter.admission.volumes" -}}
- expression: >-
    [dyn(object), dyn(oldObject)].all(volume, volume == null
    || (volume.metadata.?labels[?'vmberth.io/node'].orValue('') == variables.node
    && volume.metadata.?annotations[?'pv.kubernetes.io/provisioned-by'].orValue('') == 'vmberth.io/exporter'))
  reason: Forbidden
  messageExpression: >-
    'not a PersistentVolume of ' + variables.node
    + '; expected label vmberth.io/node=' + variables.node + ' and annotation pv.kubernetes.io/provisioned-by=vmberth.io/exporter'
- expression: >-
    request.operation != 'CREATE' || (
    object.spec.?local.?path.orValue('').matches('{{ include "vmberth.exporter.paths" . }}')
    && object.spec.?storageClassName.orValue('') in {{ include "vmberth.exporter.classes" . | replace "\"" "'" }}
    && object.spec.?persistentVolumeReclaimPolicy.orValue('') == 'Retain'
    && !has(object.spec.claimRef))
  reason: Forbidden
  message: >-
    expected a local volume on a directory and of a class of exporter.volumes, with reclaim policy Retain and without a claim
- expression: >-
    request.operation != 'CREATE' || (
    has(object.spec.nodeAffinity) && has(object.spec.nodeAffinity.required)
    && object.spec.nodeAffinity.required.nodeSelectorTerms.size() == 1
    && object.spec.nodeAffinity.required.nodeSelectorTerms.all(term,
    !has(term.matchFields) && has(term.matchExpressions) && term.matchExpressions.size() == 1
    && term.matchExpressions.all(one, one.key == 'kubernetes.io/hostname' && one.operator == 'In'
    && has(one.values) && one.values.size() == 1
    {{- if .Values.exporter.hostnameIsNodeName }} && one.values[0] == variables.node{{ end }})))
  reason: Forbidden
  messageExpression: >-
    'expected affinity to one kubernetes.io/hostname'
    {{- if .Values.exporter.hostnameIsNodeName }} + ', ' + variables.node + '; where that label is not the name of the node: exporter.hostnameIsNodeName=false'{{ end }}
- expression: >-
    request.operation != 'UPDATE' || (
    dyn(object.spec).all(key, key in dyn(oldObject.spec) && dyn(object.spec)[key] == dyn(oldObject.spec)[key])
    && dyn(oldObject.spec).all(key, key in dyn(object.spec)
    || (key == 'claimRef' && oldObject.?status.?phase.orValue('') == 'Released')))
  reason: Forbidden
  message: the exporter changes nothing in spec but the claim of a released volume, which it takes away
- expression: >-
    request.operation != 'UPDATE' || (
    ['vmberth.io/keep', 'vmberth.io/node-uid'].all(key,
    object.metadata.?annotations[?key].orValue('') == oldObject.metadata.?annotations[?key].orValue('')
    && object.metadata.?labels[?key].orValue('') == oldObject.metadata.?labels[?key].orValue(''))
    && object.metadata.?finalizers.orValue([]) == oldObject.metadata.?finalizers.orValue([])
    && dyn(object.metadata.?ownerReferences.orValue([])) == dyn(oldObject.metadata.?ownerReferences.orValue([])))
  reason: Forbidden
  message: vmberth.io/keep, vmberth.io/node-uid, finalizers and owners of a volume are not the exporter's to change
{{- end -}}
