{{/* Each takes (list $ "component"). */}}
{{- define "malla.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: malla
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "malla.ownLabels" -}}
{{- $root := index . 0 -}}
{{ include "malla.selector" . }}
app.kubernetes.io/part-of: malla
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "malla.labels" -}}
{{- $root := index . 0 -}}
{{ include "malla.ownLabels" . }}
{{- with $root.Values.extraLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* name, namespace and labels of an object: (list $ "component" "name"), as a fourth its annotations, as a fifth a namespace
     that is not the release's. Labels come last, so that more may follow. */}}
{{- define "malla.metadata" -}}
{{- $root := index . 0 }}
{{- $annotations := dict }}
{{- if gt (len .) 3 }}{{ $annotations = merge $annotations (index . 3) }}{{ end }}
{{- $annotations = merge $annotations $root.Values.extraAnnotations -}}
name: {{ index . 2 }}
namespace: {{ if gt (len .) 4 }}{{ index . 4 }}{{ else }}{{ $root.Release.Namespace }}{{ end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
labels:
  {{- include "malla.labels" . | nindent 2 }}
{{- end }}

{{/* Annotations and labels of a pod: (list $ "component" values annotations). What changes with every version of the chart is
     not among them, so that an upgrade restarts only what it changes. Labels come last, so that more may follow. */}}
{{- define "malla.podMetadata" -}}
{{- $root := index . 0 }}
{{- $values := index . 2 }}
{{- $annotations := dict }}
{{- if gt (len .) 3 }}{{ $annotations = merge $annotations (index . 3) }}{{ end }}
{{- $annotations = merge $annotations $values.podAnnotations $root.Values.extraAnnotations -}}
{{- with $annotations -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{ end -}}
labels:
  {{- include "malla.selector" . | nindent 2 }}
  app.kubernetes.io/part-of: malla
  {{- if has (index . 1) (list "router" "operator" "streams" "shop") }}
  malla.dev/mesh-client: "true"
  {{- end }}
  {{- with merge (dict) $values.podLabels $root.Values.extraLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
