{{/* Names of what the chart makes. Secrets are called as services/platform/operator/src/names.ts says. */}}

{{- define "malla.secret.keys" -}}{{ .Release.Name }}-keys{{- end }}
{{- define "malla.secret.routerSigner" -}}{{ .Release.Name }}-router-signer{{- end }}
{{- define "malla.secret.natsConfig" -}}{{ .Release.Name }}-nats-config{{- end }}
{{- define "malla.secret.tls" -}}{{ .Values.tls.secret | default (printf "%s-nats-tls" .Release.Name) }}{{- end }}

{{- define "malla.nats.headless" -}}{{ .Release.Name }}-nats-headless{{- end }}
{{/* Servers of a cluster have a file each, which says whom they dial. */}}
{{- define "malla.nats.configFile" -}}/etc/nats/{{ if gt (int .Values.nats.replicas) 1 }}$(POD_NAME){{ else }}nats-server{{ end }}.conf{{- end }}

{{- define "malla.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Every server by its own name, for clients in any namespace: they move to another when one goes. */}}
{{- define "malla.natsUrls" -}}
{{- if .Values.nats.enabled }}
{{- $scheme := ternary "tls" "nats" .Values.tls.enabled }}
{{- $urls := list }}
{{- range $i := until (int .Values.nats.replicas) }}
{{- $urls = append $urls (printf "%s://%s-nats-%d.%s.%s.svc.%s:4222" $scheme $.Release.Name $i (include "malla.nats.headless" $) $.Release.Namespace $.Values.clusterDomain) }}
{{- end }}
{{- join "," $urls }}
{{- else }}
{{- if not .Values.nats.urls }}{{ fail "nats.urls: give the URL of every server of your NATS, since nats.enabled is false" }}{{ end }}
{{- join "," .Values.nats.urls }}
{{- end }}
{{- end }}

{{/* What `bootstrap keys` and `bootstrap streams` are told. */}}
{{- define "malla.bootstrapJson" -}}
{{- $applications := .Values.applications }}
{{- if .Values.shop.enabled }}{{ $applications = append $applications "SHOP" | uniq }}{{ end }}
{{- $nats := dict
  "replicas" (int .Values.nats.replicas)
  "headlessService" (include "malla.nats.headless" .)
  "clusterDomain" .Values.clusterDomain
  "tls" .Values.tls.enabled
  "maxFileStoreBytes" (include "malla.maxFileStoreBytes" . | int64)
  "maxMemoryStoreBytes" (include "malla.bytes" .Values.nats.jetstream.memoryStore | int64)
  "gateways" .Values.nats.gateways
  "leafnodes" .Values.nats.leafnodes }}
{{- dict "release" .Release.Name "namespace" .Release.Namespace "applications" $applications "nats" $nats | toPrettyJson }}
{{- end }}
