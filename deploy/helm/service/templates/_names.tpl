{{/* Labels of every object. Selectors use the first two alone: they never change. */}}
{{- define "service.selector" -}}
app.kubernetes.io/name: {{ .root.Values.service }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "service.labels" -}}
app.kubernetes.io/name: {{ .Values.service }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ include "service.tag" . | quote }}
app.kubernetes.io/part-of: meridian
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "service.componentLabels" -}}
{{ include "service.labels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "service.tag" -}}
{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "service.image" -}}
{{- with .Values.image -}}
{{ .registry }}/{{ .repository }}/{{ $.Values.service }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ include "service.tag" $ }}{{ end }}
{{- end -}}
{{- end }}

{{- define "service.roleArn" -}}
arn:aws:iam::{{ .Values.aws.account }}:role/{{ .Values.aws.rolePrefix }}-{{ .Values.service }}
{{- end }}

{{/* Seconds from the preStop hook to the end: longer than everything a process may take to stop. */}}
{{- define "service.gracePeriod" -}}
{{- with .Values.shutdown -}}
{{ add .preStopSeconds .lingerSeconds (mul 2 .drainSeconds) .spareSeconds }}
{{- end -}}
{{- end }}

{{/* What a rolling update adds: a quarter of the pods, rounded up as Kubernetes does. */}}
{{- define "service.surge" -}}
25%
{{- end }}

{{/*
Pods that may hold connections at once. Kubernetes counts a pod that is leaving no more and starts the next: when new ones are
ready sooner than old ones have drained, all old and all new are there. The surge is among the new.
*/}}
{{- define "service.peakPods" -}}
{{ mul 2 .replicas.max }}
{{- end }}

{{/* Connections the release may open at its largest: pool and probe of every process, and the migration's one. */}}
{{- define "service.peakConnections" -}}
{{- $pods := add (include "service.peakPods" .Values.api) (include "service.peakPods" .Values.worker) -}}
{{ add (mul $pods (add .Values.database.poolSize 1)) 1 }}
{{- end }}

{{/* The API is a Deployment; with a canary a Rollout rules its pods. */}}
{{- define "service.target" -}}
{{- if and .root.Values.rollout.enabled (eq .component "api") -}}
apiVersion: argoproj.io/v1alpha1
kind: Rollout
{{- else -}}
apiVersion: apps/v1
kind: Deployment
{{- end }}
name: {{ .root.Values.service }}-{{ .component }}
{{- end }}
