{{- define "ferromesh.labels" -}}
app.kubernetes.io/name: ferromesh
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: ferromesh
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "ferromesh.selector" -}}
app.kubernetes.io/name: ferromesh
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Names of what belongs to the cluster: two releases in two namespaces don't meet. */}}
{{- define "ferromesh.clusterName" -}}
ferromesh-{{ .Release.Namespace }}
{{- end }}

{{- define "ferromesh.injection" -}}
{{- $own := dict
  "image" (printf "%s/proxy:%s" .Values.image.registry .Values.image.tag)
  "imagePullPolicy" .Values.image.pullPolicy
  "rootNamespace" .Release.Namespace
  "xdsAddress" (printf "ferromesh.%s.svc:15012" .Release.Namespace)
  "trustDomain" (.Values.meshConfig.trustDomain | default "cluster.local") }}
{{- merge (deepCopy .Values.injection) $own | toYaml }}
{{- end }}
