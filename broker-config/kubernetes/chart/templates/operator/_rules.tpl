{{/* What the operator may do in a namespace it watches. */}}
{{- define "malla.operatorRules" -}}
# Their content is other people's: what is patched is finalizers.
- apiGroups: [malla.dev]
  resources: [routes, servicepolicies, accesspolicies]
  verbs: [get, list, watch, patch]
- apiGroups: [malla.dev]
  resources: [meshservices]
  verbs: [get, list, watch]
- apiGroups: [malla.dev]
  resources: [routes/status, servicepolicies/status, accesspolicies/status, meshservices/status]
  verbs: [update]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes, referencegrants]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes/status, grpcroutes/status]
  verbs: [update]
# What a route's parent may be.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch]
# Annotations that ask for credentials.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch]
# malla-<service>. Names cannot be listed beforehand, since they are those of services; nobody lists or watches Secrets for it.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, update, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}
