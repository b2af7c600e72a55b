{{/* The pod of the API or the worker; `dict "root" $ "component" "api" "work" .Values.api`. */}}
{{- define "service.pod" -}}
{{- $values := .root.Values -}}
{{- $service := $values.service -}}
metadata:
  labels:
    {{- include "service.componentLabels" . | nindent 4 }}
    {{- if $values.mesh.enabled }}
    sidecar.istio.io/inject: "true"
    {{- end }}
  annotations:
    checksum/settings: {{ include "service.settings" .root | sha256sum }}
    kubectl.kubernetes.io/default-container: {{ .component }}
    {{- if $values.mesh.enabled }}
    {{- /* The proxy serves as long as the process may: it is the way to everything the process needs. */}}
    proxy.istio.io/config: {{ dict "holdApplicationUntilProxyStarts" true "terminationDrainDuration" (printf "%ss" (include "service.gracePeriod" .root)) | toJson | quote }}
    {{- end }}
spec:
  serviceAccountName: {{ $service }}
  automountServiceAccountToken: false
  enableServiceLinks: false # their variables (AUTH_PORT=tcp://...) would look like settings
  terminationGracePeriodSeconds: {{ include "service.gracePeriod" .root }}
  priorityClassName: {{ .work.priorityClass }}
  {{- include "service.podSecurity" . | nindent 2 }}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
          - matchExpressions:
              - { key: meridian.example.com/node-group, operator: In, values: [{{ .work.nodeGroup }}] }
  topologySpreadConstraints:
    {{- range $key, $action := dict "topology.kubernetes.io/zone" $values.spread.zones "kubernetes.io/hostname" $values.spread.hosts }}
    - topologyKey: {{ $key }}
      maxSkew: 1
      whenUnsatisfiable: {{ $action }}
      nodeTaintsPolicy: Honor # a cordoned zone does not count
      labelSelector:
        matchLabels:
          {{- include "service.selector" $ | nindent 10 }}
      matchLabelKeys:
        - {{ ternary "rollouts-pod-template-hash" "pod-template-hash" (and $values.rollout.enabled (eq $.component "api")) }}
    {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "service.image" .root }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: [python, -m, services.{{ $service }}.main, {{ .component }}]
      ports:
        - { name: http, containerPort: 8080, protocol: TCP }
      envFrom:
        - configMapRef: { name: {{ $service }}-settings }
        - secretRef: { name: {{ $service }}-secrets }
      {{- include "service.containerSecurity" . | nindent 6 }}
      resources:
        {{- toYaml .work.resources | nindent 8 }}
      startupProbe: # a minute for the first start; liveness begins after it
        httpGet: { path: /livez, port: http }
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 30
      livenessProbe: # asks the process alone: a restart does not bring a database back
        httpGet: { path: /livez, port: http }
        periodSeconds: 10
        timeoutSeconds: 3
        failureThreshold: 3
      readinessProbe:
        httpGet: { path: /readyz, port: http }
        periodSeconds: 5
        timeoutSeconds: 2
        failureThreshold: 2
      lifecycle:
        preStop:
          sleep: { seconds: {{ $values.shutdown.preStopSeconds }} }
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        - { name: identity, mountPath: /etc/meridian/identity, readOnly: true }
        - { name: trust, mountPath: /etc/meridian/trust, readOnly: true }
        {{- include "service.databaseMount" .root | nindent 8 }}
  volumes:
    - name: tmp
      emptyDir: { sizeLimit: 64Mi }
    - name: identity
      secret: { secretName: {{ $service }}-identity, defaultMode: 0440 }
    - name: trust
      secret: { secretName: {{ $service }}-trust-bundle, defaultMode: 0440 }
    {{- include "service.databaseVolume" .root | nindent 4 }}
{{- end }}

{{/* Pod Security "restricted", for every pod of this chart. */}}
{{- define "service.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "service.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 10001
  capabilities: { drop: [ALL] }
  seccompProfile: { type: RuntimeDefault }
{{- end }}
