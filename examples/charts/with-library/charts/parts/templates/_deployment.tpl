{{- define "parts.image" -}}
{{ .repository }}:{{ .tag | default "latest" }}
{{- end }}
{{- define "parts.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
spec:
  template:
    spec:
      containers:
        - name: {{ .name }}
          image: {{ include "parts.image" .root.Values.image }}
{{- end }}
