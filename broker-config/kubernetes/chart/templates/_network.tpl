{{/* Pieces of NetworkPolicies. */}}
{{- define "malla.dnsEgress" -}}
- ports:
    - { protocol: UDP, port: 53 }
    - { protocol: TCP, port: 53 }
{{- end }}

{{- define "malla.natsEgress" -}}
{{- if .Values.nats.enabled -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "malla.selector" (list . "nats") | nindent 10 }}
  ports:
    - { protocol: TCP, port: 4222 }
{{- else -}}
- ports:
    {{- range .Values.nats.urls }}
    - { protocol: TCP, port: {{ regexFind ":[0-9]+$" . | trimPrefix ":" | default "4222" }} }
    {{- end }}
{{- end }}
{{- end }}

{{/* Where the API server is, no chart can know; its ports are 443 and 6443 nearly everywhere. */}}
{{- define "malla.apiServerEgress" -}}
- ports:
    - { protocol: TCP, port: 443 }
    - { protocol: TCP, port: 6443 }
  {{- with .Values.networkPolicy.apiServer }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Scrapes: (list $ port). */}}
{{- define "malla.scrapeIngress" -}}
{{- with (index . 0).Values.networkPolicy.monitoring -}}
- from:
    {{- toYaml . | nindent 4 }}
  ports:
    - { protocol: TCP, port: {{ index $ 1 }} }
{{- end }}
{{- end }}
