{{/* What no schema of single values can say. */}}
{{- define "malla.checkValues" -}}
{{- /* A Service is a DNS label that begins with a letter, and the longest that is made of it is <release>-operator-metrics. */}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,44}[a-z0-9])?$" .Release.Name) }}
{{- fail (printf "release %q: a name of up to 46 of a-z, 0-9 and - that begins with a letter is needed, since Services are called after it" .Release.Name) }}
{{- end }}
{{- include "malla.checkLabels" . }}
{{- if .Values.nats.enabled }}{{ include "malla.checkStores" . }}{{ end }}
{{- with .Values.tls }}
{{- if and .enabled (not .secret) (not .certManager.enabled) }}
{{- fail "tls: say where the certificate comes from, tls.secret or tls.certManager.enabled" }}
{{- end }}
{{- if and .secret .certManager.enabled }}
{{- fail "tls.secret: a Secret is given, so tls.certManager.enabled must be false" }}
{{- end }}
{{- if and .certManager.enabled (not $.Values.nats.enabled) }}
{{- fail "tls.certManager.enabled: certificates are made for the chart's own servers; with nats.enabled false give tls.secret, a Secret with the ca.crt of yours" }}
{{- end }}
{{- end }}
{{- if and .Values.nats.enabled .Values.nats.urls }}
{{- fail "nats.urls: URLs are for an existing NATS, and nats.enabled is true" }}
{{- end }}
{{- if and (not .Values.nats.enabled) (or .Values.nats.gateways .Values.nats.leafnodes) }}
{{- fail "nats.gateways and nats.leafnodes: they are for the chart's own servers, and nats.enabled is false" }}
{{- end }}
{{- if and .Values.shop.enabled (not .Values.operator.enabled) }}
{{- fail "shop.enabled: the shop gets its credentials and policies from the operator, and operator.enabled is false" }}
{{- end }}
{{- if and .Values.shop.enabled .Values.operator.watchNamespaces (not (has .Release.Namespace .Values.operator.watchNamespaces)) }}
{{- fail (printf "operator.watchNamespaces: the shop lives in %s, which is not among them" .Release.Namespace) }}
{{- end }}
{{- with lookup "apps/v1" "StatefulSet" .Release.Namespace (printf "%s-nats" .Release.Name) }}
{{- if and $.Values.nats.enabled (ne (eq (int .spec.replicas) 1) (eq (int $.Values.nats.replicas) 1)) }}
{{- fail (printf "nats.replicas: %d runs, and one server and a cluster cannot become each other: NATS would delete the streams, and the policy with them (docs/install.md says how to move)" (int .spec.replicas)) }}
{{- end }}
{{- end }}
{{- with .Values.router.autoscaling }}
{{- if and .enabled (lt (int .maxReplicas) (int .minReplicas)) }}
{{- fail "router.autoscaling.maxReplicas: it is below minReplicas" }}
{{- end }}
{{- end }}
{{- end }}

{{/* The chart's own labels choose pods; one that stands twice would be the API server's to choose from. */}}
{{- define "malla.checkLabels" -}}
{{- $own := concat (keys (include "malla.ownLabels" (list . "") | fromYaml)) (list "malla.dev/mesh-client") }}
{{- $given := dict "extraLabels" .Values.extraLabels }}
{{- range $part := list "nats" "router" "operator" "bootstrap" "shop" }}
{{- $_ := set $given (printf "%s.podLabels" $part) (index $.Values $part).podLabels }}
{{- end }}
{{- range $where, $labels := $given }}
{{- range $key, $_ := $labels }}
{{- if has $key $own }}{{ fail (printf "%s: %s is a label of the chart's own" $where $key) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* JetStream of the accounts, as broker-config/src/accounts.ts reserves it: a server with less leaves accounts without any. */}}
{{- define "malla.checkStores" -}}
{{- $applications := len (index (include "malla.bootstrapJson" . | fromJson) "applications") }}
{{- $disk := add 1856 (mul 512 $applications) }}
{{- $memory := add 112 (mul 64 $applications) }}
{{- if lt (include "malla.maxFileStoreBytes" . | int64) (mul $disk 1048576) }}
{{- fail (printf "nats.persistence.size, nats.jetstream.fileStore: streams get %d MiB of a server's disk, and the accounts of the mesh need %d MiB with %d applications" (div (include "malla.maxFileStoreBytes" . | int64) 1048576) $disk $applications) }}
{{- end }}
{{- if lt (include "malla.bytes" .Values.nats.jetstream.memoryStore | int64) (mul $memory 1048576) }}
{{- fail (printf "nats.jetstream.memoryStore: %s, and the accounts of the mesh need %d MiB with %d applications" .Values.nats.jetstream.memoryStore $memory $applications) }}
{{- end }}
{{- end }}

{{/* Whether cert-manager makes the servers' certificate. */}}
{{- define "malla.certManager" -}}
{{- if and .Values.tls.enabled .Values.tls.certManager.enabled }}true{{ end }}
{{- end }}
