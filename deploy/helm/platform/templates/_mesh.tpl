{{/* How a row of the route table matches. A prefix is the path itself or what lies below it, never its longer siblings. */}}
{{- define "platform.matches" -}}
{{- $methods := "" }}
{{- with .route.match.methods }}{{ $methods = join "|" . }}{{ end }}
{{- $uris := list }}
{{- with .route.match.exact }}{{ $uris = append $uris (dict "exact" .) }}{{ end }}
{{- with .route.match.regex }}{{ $uris = append $uris (dict "regex" .) }}{{ end }}
{{- with .route.match.prefix }}{{ $uris = concat $uris (list (dict "exact" .) (dict "prefix" (printf "%s/" .))) }}{{ end }}
{{- range $uri := $uris }}
- uri: {{ toJson $uri }}
  {{- with $methods }}
  method: { regex: {{ . | quote }} }
  {{- end }}
  {{- if $.source }}
  sourceLabels: { app.kubernetes.io/name: gateway }
  {{- end }}
{{- end }}
{{- end }}

{{/* Timeouts of 0 are streams. The retries are said even where there are none: Istio otherwise repeats every request that found no connection, writes included. */}}
{{- define "platform.limits" -}}
timeout: {{ if .route.timeoutSeconds }}{{ addf .route.timeoutSeconds .grace }}{{ else }}0{{ end }}s
retries:
  {{- if .route.retries }}
  attempts: {{ .route.retries.attempts }}
  retryOn: {{ .route.retries.retryOn }}
  {{- else }}
  attempts: 0
  {{- end }}
{{- end }}

{{- define "platform.destinations" -}}
{{- if .shifting -}}
- destination: { host: {{ .host }}, subset: stable, port: { number: 8080 } }
  weight: {{ sub 100 (int .canary) }}
- destination: { host: {{ .host }}, subset: canary, port: { number: 8080 } }
  weight: {{ .canary }}
{{- else -}}
- destination: { host: {{ .host }}, port: { number: 8080 } }
{{- end }}
{{- end }}

{{/* Answered by Istio's gateway itself, to the load balancer and to the health checkers it lets through. */}}
{{- define "platform.status" -}}
- name: status
  match:
    - uri: { exact: /healthz/ready }
      method: { exact: GET }
  directResponse: { status: 200 }
{{- end }}
