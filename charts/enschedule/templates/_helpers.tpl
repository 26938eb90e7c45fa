{{/* The beginning of every name; room is left for what follows it. */}}
{{- define "enschedule.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains "enschedule" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-enschedule" (.Release.Name | trunc 29 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of one part: (list . "worker"). */}}
{{- define "enschedule.selector" -}}
app.kubernetes.io/name: enschedule
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "enschedule.labels" -}}
{{ include "enschedule.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end -}}

{{- define "enschedule.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* The secret with api_key and secret_key. */}}
{{- define "enschedule.secret" -}}
{{ .Values.existingSecret | default (include "enschedule.fullname" .) }}
{{- end -}}

{{/* The secret with the URL of the database, for the servers. */}}
{{- define "enschedule.databaseSecret" -}}
{{- if .Values.postgresql.enabled -}}
{{ include "enschedule.fullname" . }}-postgresql
{{- else -}}
{{ .Values.database.existingSecret | default (printf "%s-database" (include "enschedule.fullname" .)) }}
{{- end -}}
{{- end -}}

{{/* The variable that names the file with the URL of the database. */}}
{{- define "enschedule.databaseVariable" -}}
- name: {{ .Values.postgresql.enabled | ternary "POSTGRES" (upper .Values.database.kind) }}_FILE
  value: /run/enschedule/database/url
{{- end -}}

{{/* A value of a secret that is kept over upgrades: (list . "secret's name" "key" "given, or empty"). */}}
{{- define "enschedule.kept" -}}
{{- $root := index . 0 -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace (index . 1) -}}
{{- $kept := dig "data" (index . 2) "" ($found | default dict) -}}
{{- if index . 3 -}}{{ index . 3 }}
{{- else if $kept -}}{{ $kept | b64dec }}
{{- else -}}{{ randAlphaNum 40 }}
{{- end -}}
{{- end -}}

{{/* What every pod of ours has: its user, nothing of the cluster's, and no variables made of the names of services. */}}
{{- define "enschedule.pod" -}}
automountServiceAccountToken: false
# Kubernetes would set WORKER_PORT=tcp://… for a service of that name.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "enschedule.container" -}}
image: {{ include "enschedule.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where pods go: the values of one part. */}}
{{- define "enschedule.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What goes together and what does not; each refusal names the value and shows a valid one. */}}
{{- define "enschedule.check" -}}
{{- if and .Values.postgresql.enabled (or .Values.database.url .Values.database.existingSecret) -}}
{{- fail "\n\ndatabase: there are two databases. With database.url or database.existingSecret, set postgresql.enabled=false" -}}
{{- end -}}
{{- if not (or .Values.postgresql.enabled .Values.database.url .Values.database.existingSecret) -}}
{{- fail "\n\ndatabase.url: is missing. For example --set database.url=postgres://user:password@db.example.org:5432/enschedule, or postgresql.enabled=true" -}}
{{- end -}}
{{- if and .Values.database.url .Values.database.existingSecret -}}
{{- fail "\n\ndatabase: url and existingSecret both say where the database is; leave one out" -}}
{{- end -}}
{{- if and .Values.apiKey .Values.existingSecret -}}
{{- fail "\n\napiKey: existingSecret has the key already; leave one out" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "\n\ningress.host: is missing. For example --set ingress.host=jobs.example.org" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.dashboard.enabled) -}}
{{- fail "\n\ningress.enabled: leads to the dashboard; set dashboard.enabled=true" -}}
{{- end -}}
{{- end -}}
