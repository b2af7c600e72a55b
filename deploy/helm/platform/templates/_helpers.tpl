{{- define "platform.labels" -}}
app.kubernetes.io/part-of: meridian
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "platform.gatewayLabels" -}}
app.kubernetes.io/name: gateway
app.kubernetes.io/component: edge
{{- end }}

{{/* The image at a path of the values. The digest, where one is given, decides; the tag then only tells people what it is. */}}
{{- define "platform.image" -}}
{{- if eq .image.tag "latest" -}}
{{- fail (printf "%s.tag: latest is another image tomorrow, and a pod that starts then runs beside the old ones: name a version" .path) -}}
{{- end -}}
{{ .image.repository }}:{{ .image.tag }}{{ with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* Pod Security "restricted", for a pod and for its container. */}}
{{- define "platform.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: { type: RuntimeDefault }
{{- end }}
{{- define "platform.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* What the edge generated, as data; Helm has no better place to keep a table than a file. */}}
{{- define "platform.mesh" -}}
{{ .Files.Get "files/mesh.json" }}
{{- end }}

{{/* The identity a caller of the allow-matrix has in the mesh; the edge's depends on its shape. */}}
{{- define "platform.principal" -}}
{{- $v := .root.Values -}}
{{- if and (eq .caller "gateway") (eq $v.edge.shape "apigateway") -}}
{{ $v.mesh.trustDomain }}/ns/{{ $v.edge.ingressGateway.namespace }}/sa/{{ $v.edge.ingressGateway.serviceAccount }}
{{- else -}}
{{ $v.mesh.trustDomain }}/ns/{{ $v.namespace }}/sa/{{ .caller }}
{{- end -}}
{{- end }}

{{- define "platform.host" -}}
{{ .service }}.{{ .root.Values.namespace }}.svc.cluster.local
{{- end }}

{{/* What differs between regions in a file that is otherwise generated for all of them. */}}
{{- define "platform.filled" -}}
{{- $v := .root.Values -}}
{{ .text | replace "${REGION}" $v.region | replace "${NAMESPACE}" $v.namespace | replace "${ISSUER}" $v.identity.issuer | replace "${AUDIENCE}" $v.identity.audience | replace "${RUNBOOKS}" $v.monitoring.runbooks }}
{{- end }}

{{/* What the gateway shows to the load balancer (`python -m libs.security certificate`), as a Secret where its pods are. */}}
{{- define "platform.certificate" -}}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: gateway-certificate
  namespace: {{ .namespace }}
  labels:
    {{- include "platform.labels" .root | nindent 4 }}
spec:
  refreshInterval: 5m
  secretStoreRef: { kind: ClusterSecretStore, name: aws-secrets-manager }
  target:
    name: gateway-certificate
    creationPolicy: Owner
    template: { type: kubernetes.io/tls }
  data:
    - secretKey: tls.crt
      remoteRef: { key: meridian/{{ .root.Values.environment }}/gateway/certificate, property: certificate }
    - secretKey: tls.key
      remoteRef: { key: meridian/{{ .root.Values.environment }}/gateway/certificate, property: key }
{{- end }}
