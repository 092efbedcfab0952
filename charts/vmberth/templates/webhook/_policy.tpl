{{- /*
What values.schema.json cannot tell of values.policy: rules between values. The webhook has the same
rules (decide/src/policy/check.rs) and would not start; here the release is refused before anything
is written.
*/ -}}
{{- define "vmberth.policy.check" -}}
{{- $policy := .Values.policy -}}
{{- $fields := dict "vfPools" "resource" "storageClasses" "name" "profiles" "name" -}}
{{- range $list, $field := $fields -}}
{{- $seen := list -}}
{{- range $at, $one := get $policy $list -}}
{{- $name := get $one $field -}}
{{- if has $name $seen -}}
{{- fail (printf "policy.%s.%d.%s: found %q twice, expected each once" $list $at $field $name) -}}
{{- end -}}
{{- $seen = append $seen $name -}}
{{- end -}}
{{- end -}}
{{- $default := "" -}}
{{- range $at, $class := $policy.storageClasses -}}
{{- if $class.default -}}
{{- if $default -}}
{{- fail (printf "policy.storageClasses.%d.default: found true for %q and %q, expected one default class at most" $at $default $class.name) -}}
{{- end -}}
{{- $default = $class.name -}}
{{- end -}}
{{- end -}}
{{- range $at, $profile := $policy.profiles -}}
{{- if and (not $policy.vfPools) (regexMatch "^[1-9]" (toString $profile.vfs)) -}}
{{- if not (contains "=" (toString $profile.vfs)) -}}
{{- fail (printf "policy.profiles.%d.vfs: found %v, expected networks like namespace/name=2, since policy.vfPools is empty" $at $profile.vfs) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $disk := toString ($policy.diskProfile | default "") -}}
{{- $profiles := list -}}
{{- range $policy.profiles -}}
{{- $profiles = append $profiles .name -}}
{{- end -}}
{{- if and $disk (not (has $disk $profiles)) -}}
{{- fail (printf "policy.diskProfile: found %q, expected the name of one of policy.profiles (%s)" $disk (join ", " $profiles)) -}}
{{- end -}}
{{- if eq $policy.schedulerName "default-scheduler" -}}
{{- fail "policy.schedulerName: found \"default-scheduler\", expected the name of another scheduler, or nothing" -}}
{{- end -}}
{{- $exempt := include "vmberth.exemptNamespaces" . | fromJsonArray -}}
{{- range $at, $set := $policy.daemonSets -}}
{{- if has (first (splitList "/" $set)) $exempt -}}
{{- fail (printf "policy.daemonSets.%d: found %q, expected a DaemonSet outside of %s, where nothing is touched" $at $set (join ", " $exempt)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The managed classes, as JSON; each says whether the exporter keeps what was CDI's scratch space in its volumes. */ -}}
{{- define "vmberth.policy.classes" -}}
{{- $classes := list -}}
{{- range $class := .Values.policy.storageClasses -}}
{{- $known := deepCopy $class -}}
{{- if $.Values.exporter.enabled -}}
{{- range $.Values.exporter.volumes -}}
{{- $reclaim := default .reclaim .scratchReclaim | toString -}}
{{- if and (eq (toString .storageClass) $class.name) (ne $reclaim "wipe") (not $class.scratchReclaim) -}}
{{- $_ := set $known "scratchReclaim" "retain" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $classes = append $classes $known -}}
{{- end -}}
{{- toJson $classes -}}
{{- end -}}

{{- /* Namespaces in which nothing is touched, as JSON. */ -}}
{{- define "vmberth.exemptNamespaces" -}}
{{- concat (list "kube-system" .Release.Namespace) .Values.policy.exemptNamespaces | uniq | sortAlpha | toJson -}}
{{- end -}}

{{- /* Names of the managed classes, as JSON; those of one bindingMode only, if it is given: (dict "root" . "mode" ...) */ -}}
{{- define "vmberth.classNames" -}}
{{- $names := list -}}
{{- range .root.Values.policy.storageClasses -}}
{{- if or (not $.mode) (eq .bindingMode $.mode) -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{- /* Name of the managed class that is given to DataVolumes without one; empty if there is none. */ -}}
{{- define "vmberth.defaultClass" -}}
{{- range .Values.policy.storageClasses -}}
{{- if .default -}}{{- .name -}}{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Who places VMs: what the policy says, else the scheduler that is deployed with it. Empty: nobody in particular. */ -}}
{{- define "vmberth.schedulerName" -}}
{{- if .Values.policy.schedulerName -}}
{{- .Values.policy.schedulerName -}}
{{- else if include "vmberth.scheduler.own" . -}}
{{- .Values.scheduler.name -}}
{{- end -}}
{{- end -}}

{{- /* Whether the webhook has to know the class of every claim: it then names a scheduler for CDI's
       pods that fill managed volumes, or has the cluster's own ask about them. Empty means no. */ -}}
{{- define "vmberth.watchesClaims" -}}
{{- if and (or (include "vmberth.schedulerName" .) (eq (include "vmberth.requestBerth" .) "true")) .Values.policy.storageClasses -}}true{{- end -}}
{{- end -}}

{{- define "vmberth.policyConfigMap" -}}{{ include "vmberth.fullname" . }}-policy{{- end -}}
