{{- define "gpuwright.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- /* At most 52 characters: names of hook Jobs and policies grow from it. */}}
{{- define "gpuwright.fullname" -}}
{{- $name := include "gpuwright.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 45 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* The name of what is cluster-scoped: several namespaced installations may share a cluster. */}}
{{- define "gpuwright.clusterName" -}}
{{- if .Values.watchNamespaces }}
{{- printf "%s-%s" (include "gpuwright.fullname" .) .Release.Namespace }}
{{- else }}
{{- include "gpuwright.fullname" . }}
{{- end }}
{{- end }}

{{- define "gpuwright.selector" -}}
app.kubernetes.io/name: {{ include "gpuwright.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gpuwright.labels" -}}
{{ include "gpuwright.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "gpuwright.account" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "gpuwright.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "gpuwright.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "gpuwright.port" -}}
{{- splitList ":" .Values.httpBind | last }}
{{- end }}

{{- /* Where Secrets may be read through a RoleBinding, as JSON. */}}
{{- define "gpuwright.secretNamespaces" -}}
{{- if .Values.secrets.clusterWide }}
{{- list | toJson }}
{{- else }}
{{- concat (list .Release.Namespace) .Values.watchNamespaces .Values.secrets.namespaces | uniq | sortAlpha | toJson }}
{{- end }}
{{- end }}

{{- define "gpuwright.secretRules" -}}
- apiGroups: [""]
  resources: [secrets]
  {{- with .Values.secrets.names }}
  resourceNames: {{ toJson . }}
  {{- end }}
  verbs: {{ ternary (list "get" "patch") (list "get") .Values.secrets.finalizers | toJson }}
{{- with .Values.secrets.bootstrapNames }}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: {{ toJson . }}
  verbs: [get]
{{- end }}
{{- end }}

{{- /* What the operator does with its own kinds, in one namespace or in all. */}}
{{- define "gpuwright.ownRules" -}}
{{- $kinds := list "computeinstances" "computeproviders" }}
{{- if not .Values.watchNamespaces }}
{{- $kinds = append $kinds "clustercomputeproviders" }}
{{- end }}
# list and watch: the cache. get: before what cannot be undone. patch: finalizers, and nothing else outside status.
- apiGroups: [gpuwright.dev]
  resources: {{ toJson $kinds }}
  verbs: [get, list, watch, patch]
- apiGroups: [gpuwright.dev]
  resources:
  {{- range $kinds }}
  - {{ . }}/status
  {{- end }}
  verbs: [patch]
# create: one Event. patch: the count of one that is repeated.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- define "gpuwright.subject" -}}
- kind: ServiceAccount
  name: {{ include "gpuwright.account" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "gpuwright.podSpec" -}}
serviceAccountName: {{ include "gpuwright.account" . }}
automountServiceAccountToken: true
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext: {{ toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
volumes:
# Client certificates pass through files, and the root is read-only.
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
{{- if .Values.caBundle }}
- name: authorities
  configMap: {name: {{ include "gpuwright.fullname" . }}-authorities}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "gpuwright.container" -}}
image: {{ include "gpuwright.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{ toYaml .Values.securityContext | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
env:
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- if .Values.caBundle }}
- {name: SSL_CERT_FILE, value: /etc/gpuwright/authorities/ca.crt}
{{- end }}
{{- with .Values.providerProxy }}
- {name: GPUWRIGHT_PROVIDER_PROXY, value: {{ . | quote }}}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
volumeMounts:
- {name: tmp, mountPath: /tmp}
{{- if .Values.caBundle }}
- {name: authorities, mountPath: /etc/gpuwright/authorities, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
resources: {{ toYaml .Values.resources | nindent 2 }}
{{- end }}

{{- /* What the schema cannot say: one value needs another. */}}
{{- define "gpuwright.check" -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.leaderElection.enabled) }}
{{- fail "replicas: write 1 where leaderElection.enabled is false: two operators without a leader double every call" }}
{{- end }}
{{- if and .Values.watchNamespaces (not .Values.clusterId) }}
{{- fail "clusterId is needed with watchNamespaces: take the uid of the namespace kube-system, and never change it" }}
{{- end }}
{{- if and .Values.secrets.clusterWide (not .Values.secrets.names) }}
{{- fail "secrets.names is needed with secrets.clusterWide: without names it would be every Secret of the cluster" }}
{{- end }}
{{- if and .Values.secrets.clusterWide .Values.watchNamespaces }}
{{- fail "secrets.clusterWide needs a ClusterRole, and watchNamespaces makes none: write secrets.namespaces instead" }}
{{- end }}
{{- end }}

{{- /* Which namespaces a policy is about: an installation judges only the ones that it watches. */}}
{{- define "gpuwright.watched" -}}
{{- if .Values.watchNamespaces -}}
namespaceSelector:
  matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: In
    values: {{ toJson .Values.watchNamespaces }}
{{- else -}}
namespaceSelector: {}
{{- end }}
{{- end }}
