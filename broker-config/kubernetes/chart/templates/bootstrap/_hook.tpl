{{/* Of what must be there before everything else: the Job `keys` and what it needs. Without Helm these are ordinary objects,
     and pods wait for the Secrets that the Job makes. Takes the weight. */}}
{{- define "malla.keysHook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* Of the Job `streams`, for Argo CD alone: there every release is the first revision, so the Job of the last sync has to go
     before that of the next. To Helm it is an ordinary object. */}}
{{- define "malla.streamsHook" -}}
argocd.argoproj.io/hook: Sync
argocd.argoproj.io/hook-delete-policy: BeforeHookCreation
{{- end }}
