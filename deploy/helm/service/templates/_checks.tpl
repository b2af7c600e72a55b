{{/* What no schema can say, because it compares values: refused with one sentence. */}}
{{- define "service.checks" -}}
{{- with .Values -}}
{{- if ne $.Release.Name .service -}}
{{- fail (printf "the release is called %q but deploys %q: name it after the service, so that its address is http://%s:8080" $.Release.Name .service .service) -}}
{{- end -}}
{{- if eq (.image.tag | default "") "latest" -}}
{{- fail "image.tag: latest is another image tomorrow, and a pod that starts then runs beside the old ones: name a version, for example --set-string image.tag=v1.2.3" -}}
{{- end -}}
{{- range $component, $work := dict "api" .api "worker" .worker -}}
{{- if gt (int $work.replicas.min) (int $work.replicas.max) -}}
{{- fail (printf "%s.replicas: min %d is more than max %d" $component (int $work.replicas.min) (int $work.replicas.max)) -}}
{{- end -}}
{{- end -}}
{{- if gt (int (include "service.peakConnections" $)) (int .database.connections) -}}
{{- fail (printf "database.connections: %d are granted, but in an update %s api and %s worker pods, the leaving ones included, of %d + 1 connections each and a migration may open %s: grant more, or lower database.poolSize or replicas.max" (int .database.connections) (include "service.peakPods" .api) (include "service.peakPods" .worker) (int .database.poolSize) (include "service.peakConnections" $)) -}}
{{- end -}}
{{- if gt (int .database.connections) (int .database.serverConnections) -}}
{{- fail (printf "database.connections: %d are granted, but the server has %d" (int .database.connections) (int .database.serverConnections)) -}}
{{- end -}}
{{- if and (not .database.authorities) (ne .environment "test") -}}
{{- fail (printf "database.authorities: %s connects to no database whose certificate it cannot check: name the ConfigMap that holds its authorities as ca.pem" .environment) -}}
{{- end -}}
{{- if and .exposure.alb.enabled (not .exposure.alb.certificateArn) -}}
{{- fail "exposure.alb.certificateArn: the load balancer needs a certificate" -}}
{{- end -}}
{{- if and .exposure.alb.enabled .mesh.enabled -}}
{{- fail "exposure.alb.enabled: the mesh lets nobody in without its mutual TLS, and the load balancer has none: set mesh.enabled false, or let the gateway be the way in" -}}
{{- end -}}
{{- if and .rollout.istio.enabled (not (and .rollout.enabled .mesh.enabled)) -}}
{{- fail "rollout.istio.enabled: the mesh shifts traffic only with rollout.enabled and mesh.enabled" -}}
{{- end -}}
{{- end -}}
{{- end }}
