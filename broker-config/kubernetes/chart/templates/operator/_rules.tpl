{{/* What the operator may do in a namespace it watches. */}}
{{- define "malla.operatorRules" -}}
# Resources of the mesh, whose status and finalizer it writes; their content is other people's.
- apiGroups: [malla.dev]
  resources: [routes, servicepolicies, accesspolicies, meshservices]
  verbs: [get, list, watch, patch, update]
- apiGroups: [malla.dev]
  resources: [routes/status, servicepolicies/status, accesspolicies/status, meshservices/status]
  verbs: [get, patch, update]
- apiGroups: [malla.dev]
  resources: [routes/finalizers, servicepolicies/finalizers, accesspolicies/finalizers, meshservices/finalizers]
  verbs: [update]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes/status, grpcroutes/status]
  verbs: [get, patch, update]
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
# malla-<service>. Names cannot be listed beforehand, since they are those of services; `list` and `watch` are not needed.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch, update]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
