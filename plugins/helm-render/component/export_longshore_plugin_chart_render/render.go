//go:build wasip1

// Package export_longshore_plugin_chart_render implements the interface chart-render. The generated
// bindings import it by this name.
package export_longshore_plugin_chart_render

import (
	"errors"
	"runtime/debug"

	witTypes "go.bytecodealliance.org/pkg/wit/types"

	contract "longshore/helm-render/bindings/longshore_plugin_chart_render"
	"longshore/helm-render/bindings/longshore_plugin_log"
	"longshore/helm-render/bindings/longshore_plugin_types"
	"longshore/helm-render/render"
)

type result = witTypes.Result[[]contract.Manifest, longshore_plugin_types.PluginError]

// Render renders a chart.
func Render(files []contract.File, values []string, release contract.Release) result {
	// See init in ../main.go. Most charts need less than the collector waits for (48 MiB), and it then never
	// runs. Above the soft limit, collecting more often is better than to fail: the host ends a guest that
	// takes more than 512 MiB, and several charts are rendered at once.
	debug.SetMemoryLimit(80 << 20)
	debug.SetGCPercent(1200)
	kubeVersion := ""
	if release.KubeVersion.IsSome() {
		kubeVersion = release.KubeVersion.Some()
	}
	chart := make([]render.File, 0, len(files))
	for _, file := range files {
		chart = append(chart, render.File{Path: file.Path, Data: file.Content})
	}
	manifests, err := render.Render(chart, values, render.Release{
		Name:        release.Name,
		Namespace:   release.Namespace,
		KubeVersion: kubeVersion,
		APIVersions: release.ApiVersions,
		SkipTests:   release.SkipTests,
	}, longshore_plugin_log.At)
	if err != nil {
		return witTypes.Err[[]contract.Manifest](failure(err))
	}
	rendered := make([]contract.Manifest, 0, len(manifests))
	for _, manifest := range manifests {
		rendered = append(rendered, contract.Manifest{Path: manifest.Path, Text: manifest.Text})
	}
	return witTypes.Ok[[]contract.Manifest, longshore_plugin_types.PluginError](rendered)
}

func failure(err error) longshore_plugin_types.PluginError {
	coded := longshore_plugin_types.Coded{Code: "renderer", Message: err.Error()}
	var known *render.Error
	if errors.As(err, &known) {
		coded.Code = known.Code
	}
	return longshore_plugin_types.MakePluginErrorOther(coded)
}
