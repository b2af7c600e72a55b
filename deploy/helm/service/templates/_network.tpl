{{/* Rules of NetworkPolicies. Everything that is not named is denied. */}}
{{- define "service.egressToNames" -}}
- to: # names
    - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }
      podSelector: { matchLabels: { k8s-app: kube-dns } }
  ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
{{- end }}

{{- define "service.egressToBlocks" -}}
- to:
    {{- range .blocks }}
    - ipBlock: { cidr: {{ . }} }
    {{- end }}
  ports:
    {{- range .ports }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
{{- end }}

{{- define "service.egressToNamespace" -}}
- to:
    - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: {{ .namespace }} } }
  ports:
    - { port: {{ .port }}, protocol: TCP }
{{- end }}

{{/* What a process needs: names, its data, AWS, its neighbours, its mesh, its collector. */}}
{{- define "service.egress" -}}
{{- $network := .Values.network -}}
{{ include "service.egressToNames" . }}
{{ include "service.egressToBlocks" (dict "blocks" $network.dataSubnets "ports" (list 5432 6379)) }}
{{ include "service.egressToBlocks" (dict "blocks" $network.appSubnets "ports" (list 443)) }}
{{- if eq .Values.aws.identity "pod-identity" }}
{{ include "service.egressToBlocks" (dict "blocks" (list "169.254.170.23/32") "ports" (list 80)) }}
{{- end }}
- to: # services it calls, and auth for the keys of tokens
    {{- range append $network.calls "auth" | uniq }}
    - podSelector: { matchLabels: { app.kubernetes.io/name: {{ . }}, app.kubernetes.io/component: api } }
    {{- end }}
  ports:
    - { port: 8080, protocol: TCP }
{{- if .Values.mesh.enabled }}
{{ include "service.egressToNamespace" (dict "namespace" "istio-system" "port" 15012) }}
{{- end }}
{{- if .Values.monitoring.enabled }}
{{ include "service.egressToNamespace" (dict "namespace" .Values.monitoring.namespace "port" 4318) }}
{{- end }}
{{- if $network.internet }}
- to: # HTTPS outside; which hosts, the mesh's ServiceEntries say
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
  ports:
    - { port: 443, protocol: TCP }
{{- end }}
{{- end }}

{{- define "service.ingressOfMetrics" -}}
- from:
    - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: {{ .Values.monitoring.namespace }} } }
  ports:
    - { port: 8080, protocol: TCP }
    {{- if .Values.mesh.enabled }}
    - { port: 15090, protocol: TCP } # the proxy's own metrics
    {{- end }}
{{- end }}

{{- define "service.ingressOfCallers" -}}
{{- with .Values.network.callers }}
- from:
    {{- range . }}
    - podSelector: { matchLabels: { app.kubernetes.io/name: {{ . }} } }
    {{- end }}
  ports:
    - { port: 8080, protocol: TCP }
{{- end }}
{{- if .Values.exposure.alb.enabled }}
- from:
    {{- range .Values.network.loadBalancerSubnets }}
    - ipBlock: { cidr: {{ . }} }
    {{- end }}
  ports:
    - { port: 8080, protocol: TCP }
{{- end }}
{{- with .Values.exposure.gatewayApi }}
{{- if .enabled }}
- from:
    - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: {{ .namespace }} } }
      podSelector: { matchLabels: { gateway.networking.k8s.io/gateway-name: {{ .gateway }} } }
  ports:
    - { port: 8080, protocol: TCP }
{{- end }}
{{- end }}
{{- end }}
