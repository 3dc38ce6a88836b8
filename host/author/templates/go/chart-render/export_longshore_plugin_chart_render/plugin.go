//go:build wasip1

// Package export_longshore_plugin_chart_render exports the renderer. The bindings import it by this name.
package export_longshore_plugin_chart_render

import (
	"runtime/debug"

	contract "longshore.plugin/{{name}}/bindings/longshore_plugin_chart_render"
	"longshore.plugin/{{name}}/bindings/longshore_plugin_log"
	"longshore.plugin/{{name}}/bindings/longshore_plugin_types"
	wit "longshore.plugin/{{name}}/bindings/wit/types"
	"longshore.plugin/{{name}}/logic"
)

type result = wit.Result[[]contract.Manifest, contract.PluginError]

// Render renders a chart.
func Render(files []contract.File, values []string, release contract.Release) result {
	debug.SetGCPercent(100) // see init in ../main.go
	var manifests []contract.Manifest
	for _, file := range files {
		if !logic.IsTemplate(file.Path) {
			continue
		}
		// If longshore ends the call, it can name the template.
		longshore_plugin_log.At(file.Path)
		text, err := logic.Render(file.Path, file.Content, release.Name)
		if err != nil {
			return wit.Err[[]contract.Manifest](longshore_plugin_types.MakePluginErrorOther(
				longshore_plugin_types.Coded{Code: "template", Message: err.Error()},
			))
		}
		manifests = append(manifests, contract.Manifest{Path: file.Path, Text: text})
	}
	return wit.Ok[[]contract.Manifest, contract.PluginError](manifests)
}
