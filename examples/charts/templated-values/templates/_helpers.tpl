{{- define "helper.image" -}}
registry.example.com/{{ .Chart.Name }}-helper:{{ .Values.version }}
{{- end }}
