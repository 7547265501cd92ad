{{/* Programs whose metrics are scraped, separated by spaces. */}}
{{- define "malla.scraped" -}}
router{{ if .Values.operator.enabled }} operator{{ end }}{{ if and .Values.nats.enabled .Values.nats.exporter.enabled }} nats{{ end }}
{{- end }}

{{- define "malla.endpoint" -}}
- port: metrics
  path: /metrics
  interval: {{ .Values.monitoring.interval }}
  scrapeTimeout: {{ .Values.monitoring.scrapeTimeout }}
{{- end }}
