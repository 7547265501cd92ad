{{/* A quantity of Kubernetes such as 10Gi, in bytes. */}}
{{- define "malla.bytes" -}}
{{- $quantity := toString . }}
{{- $unit := regexFind "[A-Za-z]*$" $quantity }}
{{- $factors := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 }}
{{- if or (not (hasKey $factors $unit)) (not (regexMatch "^[0-9]+(\\.[0-9]+)?[A-Za-z]*$" $quantity)) }}
{{- fail (printf "%q is no size: use a number with Ki, Mi, Gi or Ti" $quantity) }}
{{- end }}
{{- mulf (float64 (trimSuffix $unit $quantity)) (get $factors $unit) | int64 }}
{{- end }}

{{/* The rest of the disk is for the records of Raft and for messages that are on their way out. */}}
{{- define "malla.maxFileStoreBytes" -}}
{{- with .Values.nats.jetstream.fileStore }}
{{- include "malla.bytes" . }}
{{- else }}
{{- div (mul 9 (include "malla.bytes" .Values.nats.persistence.size | int64)) 10 }}
{{- end }}
{{- end }}

{{/* The collector works harder before the kernel kills. */}}
{{- define "malla.goMemLimit" -}}
{{- with .Values.nats.goMemLimit }}
{{- . }}
{{- else }}
{{- $limit := ((.Values.nats.resources).limits).memory }}
{{- if not $limit }}{{ fail "nats.resources.limits.memory: a limit is needed, or set nats.goMemLimit" }}{{ end }}
{{- printf "%dMiB" (div (mul 8 (include "malla.bytes" $limit | int64)) 10485760) }}
{{- end }}
{{- end }}
