{{- /*
What values.schema.json cannot tell of values.exporter: rules between values. The exporter has the
same rules (decide/src/node/config/check.rs) and would keep its old config; here the release is
refused before anything is written.
*/ -}}
{{- define "vmberth.exporter.check" -}}
{{- $exporter := .Values.exporter -}}
{{- range $list, $field := dict "vfPools" "resource" "binder" "physicalFunction" -}}
{{- $seen := list -}}
{{- range $at, $one := get $exporter $list -}}
{{- $name := get $one $field -}}
{{- if has $name $seen -}}
{{- fail (printf "exporter.%s.%d.%s: found %q twice, expected each once" $list $at $field $name) -}}
{{- end -}}
{{- $seen = append $seen $name -}}
{{- end -}}
{{- end -}}
{{- /* Each directory is mounted with all that is mounted below it, which can't be made read-only. */ -}}
{{- range $at, $pattern := $exporter.volumes -}}
{{- $directory := printf "%s/" (trimSuffix "/" $pattern.directory) -}}
{{- range tuple "/proc/" "/sys/" "/dev/" "/run/" "/etc/" "/var/run/" -}}
{{- if or (hasPrefix . $directory) (hasPrefix $directory .) -}}
{{- fail (printf "exporter.volumes.%d.directory: found %q, expected a directory of its own for volumes, not one with or within %s" $at $pattern.directory .) -}}
{{- end -}}
{{- end -}}
{{- $kubelet := printf "%s/" (trimSuffix "/" $exporter.kubeletRoot) -}}
{{- if or (hasPrefix $directory $kubelet) (hasPrefix $kubelet $directory) -}}
{{- fail (printf "exporter.volumes.%d.directory: found %q, expected a directory of its own for volumes, not one with or within the kubelet's (exporter.kubeletRoot %q), where the secrets of all pods are" $at $pattern.directory $exporter.kubeletRoot) -}}
{{- end -}}
{{- end -}}
{{- $owners := dict -}}
{{- range $at, $pattern := $exporter.volumes -}}
{{- range $number := until (add1 $pattern.max | int) -}}
{{- $path := printf "%s/%s%d" (trimSuffix "/" $pattern.directory) $pattern.prefix $number -}}
{{- if hasKey $owners $path -}}
{{- fail (printf "exporter.volumes.%d: found %q, expected directories that no other pattern names" $at $path) -}}
{{- end -}}
{{- $_ := set $owners $path true -}}
{{- end -}}
{{- if and (include "vmberth.exporter.wipes" $pattern) (not $exporter.allowWipe) -}}
{{- fail (printf "exporter.volumes.%d: found reclaim or scratchReclaim wipe while exporter.allowWipe is false; set exporter.allowWipe=true to let data be removed, or retain" $at) -}}
{{- end -}}
{{- end -}}
{{- range $at, $pattern := $exporter.volumes -}}
{{- $above := "" -}}
{{- range trimPrefix "/" $pattern.directory | trimSuffix "/" | splitList "/" -}}
{{- $above = printf "%s/%s" $above . -}}
{{- if hasKey $owners $above -}}
{{- fail (printf "exporter.volumes.%d.directory: found %q, expected a directory that is no volume of a pattern and lies in none" $at $above) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Whether data in volumes of a pattern is ever removed. Empty means no. */ -}}
{{- define "vmberth.exporter.wipes" -}}
{{- if and .storageClass (or (eq (toString .reclaim) "wipe") (eq (toString .scratchReclaim) "wipe")) -}}true{{- end -}}
{{- end -}}

{{- /* Directories that the exporter may empty volumes in, without the slash at the end, as JSON. */ -}}
{{- define "vmberth.exporter.writable" -}}
{{- $directories := list -}}
{{- range .Values.exporter.volumes -}}
{{- if and $.Values.exporter.allowWipe (include "vmberth.exporter.wipes" .) -}}
{{- $directories = append $directories (trimSuffix "/" .directory) -}}
{{- end -}}
{{- end -}}
{{- $directories | uniq | sortAlpha | toJson -}}
{{- end -}}

{{- /*
What is read of the node's /proc and /sys, by name of the volume, as JSON. Nothing is mounted below these,
which read-only would not reach, but for /proc: that is needed whole to see which process has a file open.
*/ -}}
{{- define "vmberth.exporter.reads" -}}
{{- $reads := dict "sys-bus" "/sys/bus" "sys-class" "/sys/class" "sys-devices" "/sys/devices" -}}
{{- $reads = merge $reads (dict "sys-kernel-mm" "/sys/kernel/mm" "sys-kernel-iommu" "/sys/kernel/iommu_groups") -}}
{{- if include "vmberth.exporter.writable" . | fromJsonArray -}}
{{- $reads = merge $reads (dict "proc" "/proc") -}}
{{- else -}}
{{- $reads = merge $reads (dict "proc-1" "/proc/1" "proc-cmdline" "/proc/cmdline" "proc-cpuinfo" "/proc/cpuinfo") -}}
{{- end -}}
{{- toJson $reads -}}
{{- end -}}

{{- /* Directories that are looked at, without the slash at the end and without those that lie in another, as JSON. */ -}}
{{- define "vmberth.exporter.directories" -}}
{{- $directories := list -}}
{{- range .Values.exporter.volumes -}}
{{- $directories = append $directories (printf "%s/" (trimSuffix "/" .directory)) -}}
{{- end -}}
{{- $outermost := list -}}
{{- range $inner := $directories | uniq | sortAlpha -}}
{{- $within := false -}}
{{- range $outer := $directories -}}
{{- if and (ne $outer $inner) (hasPrefix $outer $inner) -}}
{{- $within = true -}}
{{- end -}}
{{- end -}}
{{- if not $within -}}
{{- $outermost = append $outermost (trimSuffix "/" $inner) -}}
{{- end -}}
{{- end -}}
{{- $outermost | toJson -}}
{{- end -}}

{{- /* Classes of the volumes that the exporter makes, as JSON. */ -}}
{{- define "vmberth.exporter.classes" -}}
{{- $classes := list -}}
{{- range .Values.exporter.volumes -}}
{{- if .storageClass -}}
{{- $classes = append $classes .storageClass -}}
{{- end -}}
{{- end -}}
{{- $classes | uniq | sortAlpha | toJson -}}
{{- end -}}

{{- /* What a path of a volume looks like that the exporter makes: a regular expression. */ -}}
{{- define "vmberth.exporter.paths" -}}
{{- $paths := list -}}
{{- range .Values.exporter.volumes -}}
{{- if .storageClass -}}
{{- $paths = append $paths (printf "%s/%s" (trimSuffix "/" .directory) .prefix | replace "." "[.]") -}}
{{- end -}}
{{- end -}}
{{- printf "^(%s)(0|[1-9][0-9]{0,3})$" (join "|" $paths) -}}
{{- end -}}

{{- /* Labels of the device plugin's pods, as JSON. Not in values.yaml: helm would add a user's to them. */ -}}
{{- define "vmberth.exporter.pluginLabels" -}}
{{- .Values.exporter.devicePlugin.labels | default (dict "app" "sriovdp") | toJson -}}
{{- end -}}
