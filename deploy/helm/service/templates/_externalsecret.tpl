{{/* Copies values from AWS Secrets Manager into a Secret of the same name; `dict "root" $ "name" .. "data" .. "annotations" ..`. */}}
{{- define "service.externalSecret" -}}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ .name }}
  labels:
    {{- include "service.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  refreshInterval: {{ .root.Values.secrets.refreshInterval }}
  secretStoreRef: { kind: ClusterSecretStore, name: {{ .root.Values.secrets.store }} }
  target: { name: {{ .name }}, creationPolicy: Owner }
  data:
    {{- toYaml .data | nindent 4 }}
{{- end }}
