{{/* The plain environment of both processes. What the chart knows is derived here, never given twice. */}}
{{- define "service.settings" -}}
{{- $values := .Values -}}
{{- $derived := dict
  "ENVIRONMENT" .Values.environment
  "REGION" .Values.region
  "HOST" "0.0.0.0"
  "PORT" "8080"
  "ISSUER" .Values.issuer
  "JWKS_URL" "http://auth:8080/.well-known/jwks.json"
  "SERVICE_KEY_FILE" "/etc/meridian/identity/key.json"
  "TRUST_BUNDLE_FILE" "/etc/meridian/trust/trust-bundle.json"
  "MASTER_KEY" (include "service.masterKey" .)
  "LINGER_SECONDS" (toString .Values.shutdown.lingerSeconds)
  "DRAIN_SECONDS" (toString .Values.shutdown.drainSeconds)
  "DATABASE_POOL_SIZE" (toString .Values.database.poolSize)
  "TRUSTED_PROXIES" (include "service.trustedProxies" .)
-}}
{{- with .Values.database.authorities -}}
{{- $_ := set $derived "DATABASE_CA_FILE" (include "service.databaseCaFile" $) -}}
{{- end -}}
{{- if .Values.monitoring.enabled -}}
{{- $_ := set $derived "OTLP_ENDPOINT" .Values.monitoring.otlp -}}
{{- end -}}
{{- with .Values.aws.flags -}}
{{- $_ := set $derived "FLAGS" (printf "appconfig:%s" .) -}}
{{- end -}}
{{- range .Values.network.calls -}}
{{- $_ := set $derived (printf "%s_BASE_URL" (upper .)) (printf "http://%s:8080" .) -}}
{{- end -}}
{{- range $name, $value := .Values.settings -}}
{{- $_ := set $derived $name (tpl (toString $value) $) -}}
{{- end -}}
{{- range $name, $value := $derived }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* The authorities of PostgreSQL's certificate: where they are, and how they come there. */}}
{{- define "service.databaseCaFile" -}}
/etc/meridian/database/ca.pem
{{- end }}

{{- define "service.databaseMount" -}}
{{- if .Values.database.authorities -}}
- { name: database-authorities, mountPath: {{ include "service.databaseCaFile" . | dir }}, readOnly: true }
{{- end -}}
{{- end }}

{{- define "service.databaseVolume" -}}
{{- with .Values.database.authorities -}}
- name: database-authorities
  configMap: { name: {{ . }} }
{{- end -}}
{{- end }}

{{/* The region's KMS key for personal data, by the alias Terraform gives it: alias/meridian-prod-personal. */}}
{{- define "service.masterKey" -}}
{{- with .Values -}}
kms:arn:aws:kms:{{ .region }}:{{ .aws.account }}:alias/{{ .secrets.prefix | replace "/" "-" }}-personal
{{- end -}}
{{- end }}

{{/* Who may say for whom it speaks: the proxy beside the process, and pods; NetworkPolicies say which pods connect. */}}
{{- define "service.trustedProxies" -}}
{{- $addresses := .Values.network.appSubnets -}}
{{- if .Values.exposure.alb.enabled }}{{ $addresses = concat $addresses .Values.network.loadBalancerSubnets }}{{ end -}}
{{- if .Values.mesh.enabled }}{{ $addresses = prepend $addresses "127.0.0.6" }}{{ end -}}
{{ join "," $addresses }}
{{- end }}
