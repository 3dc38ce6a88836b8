{{- define "images.reference" -}}
{{- $registry := .root.Values.global.imageRegistry | default .image.registry -}}
{{ printf "%s/%s:%s" $registry .image.repository (.image.tag | default .root.Chart.AppVersion) }}
{{- end -}}
