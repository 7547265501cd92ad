{{/* What holds for every pod: (list $ values). */}}
{{- define "malla.podSpec" -}}
{{- $root := index . 0 }}
{{- $values := index . 1 -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- with $root.Values.podSecurityContext }}
  {{- toYaml . | nindent 2 }}
  {{- if .fsGroup }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "malla.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* A token for the API server, where one is used. Mounted here, since no pod gets one by itself. */}}
{{- define "malla.tokenVolume" -}}
- name: token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3607
      - configMap:
          name: kube-root-ca.crt
          items:
            - { key: ca.crt, path: ca.crt }
      - downwardAPI:
          items:
            - path: namespace
              fieldRef: { apiVersion: v1, fieldPath: metadata.namespace }
{{- end }}

{{- define "malla.tokenMount" -}}
- name: token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}

{{/* Whom to trust as NATS: certificate of the authority alone, without the servers' key. */}}
{{- define "malla.caVolume" -}}
{{- if .Values.tls.enabled -}}
- name: nats-ca
  secret:
    secretName: {{ include "malla.secret.tls" . }}
    defaultMode: 0440
    items:
      - { key: ca.crt, path: ca.crt }
{{- end }}
{{- end }}

{{- define "malla.caMount" -}}
{{- if .Values.tls.enabled -}}
- name: nats-ca
  mountPath: /etc/nats-ca
  readOnly: true
{{- end }}
{{- end }}

{{- define "malla.natsEnv" -}}
- name: NATS_URL
  value: {{ include "malla.natsUrls" . | quote }}
{{- if .Values.tls.enabled }}
- name: NATS_CA
  value: /etc/nats-ca/ca.crt
{{- end }}
{{- end }}

{{/* Spread over hosts and zones: (list $ "component" values). */}}
{{- define "malla.topologySpread" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
{{- with (index . 2).topologySpread }}
{{- if or .hosts .zones -}}
topologySpreadConstraints:
  {{- range $key, $when := dict "kubernetes.io/hostname" .hosts "topology.kubernetes.io/zone" .zones }}
  {{- if $when }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ $when }}
    {{- if ne $component "nats" }}
    # Each version is spread by itself, or a rolling update would end lopsided.
    matchLabelKeys: [pod-template-hash]
    {{- end }}
    labelSelector:
      matchLabels:
        {{- include "malla.selector" (list $root $component) | nindent 8 }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
