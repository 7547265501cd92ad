{{/* Pieces of NetworkPolicies. Ports are those of pods and endpoints: a policy looks where a Service has led to. */}}
{{- define "malla.dnsEgress" -}}
- ports:
    {{- range .Values.networkPolicy.dnsPorts }}
    - { protocol: UDP, port: {{ . }} }
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
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

{{/* Where the API server is, no chart can know. */}}
{{- define "malla.apiServerEgress" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
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
