{{/* The shop's programs, as services/shop/src/index.ts lists them. */}}
{{- define "malla.shopProcesses" -}}
- { name: catalog-v1, service: catalog, version: 1.4.0, replicas: 2 }
- { name: catalog-v2, service: catalog, version: 2.0.0 }
- { name: inventory, service: inventory, version: 1.0.0, state: true }
- { name: cart, service: cart, version: 1.0.0, state: true }
- { name: pricing, service: pricing, version: 1.1.0 }
- { name: payments, service: payments, version: 1.2.0, state: true }
- { name: shipping, service: shipping, version: 1.0.0, state: true }
- { name: orders, service: orders, version: 1.0.0, state: true }
- { name: recommendations, service: recommendations, version: 1.0.0 }
- { name: storefront, service: storefront, version: 1.0.0, replicas: 2 }
{{- if .Values.shop.shoppers.enabled }}
- { name: shoppers, service: shoppers, version: 1.0.0, folder: load }
{{- end }}
{{- end }}
