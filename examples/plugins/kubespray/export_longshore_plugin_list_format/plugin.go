//go:build wasip1

// Package export_longshore_plugin_list_format exports the list format. The bindings import it by this name.
package export_longshore_plugin_list_format

import (
	"runtime/debug"
	"strings"

	contract "longshore.plugin/kubespray/bindings/longshore_plugin_list_format"
	"longshore.plugin/kubespray/bindings/longshore_plugin_types"
	wit "longshore.plugin/kubespray/bindings/wit/types"
	"longshore.plugin/kubespray/logic"
)

func Probe(fileName, head string) contract.Confidence {
	if strings.Contains("\n"+head, "\ndownloads:") {
		return contract.ConfidenceMaybe
	}
	return contract.ConfidenceNo
}

func Parse(fileName, text string) wit.Result[contract.Parsed, contract.PluginError] {
	debug.SetGCPercent(100) // see init in ../main.go
	images, mistakes := logic.Read(text)
	parsed := contract.Parsed{}
	for _, image := range images {
		parsed.Entries = append(parsed.Entries, contract.Entry{
			Source: image.Repository,
			Select: longshore_plugin_types.MakeSelectionByTag(image.Tag),
			Line:   uint32(image.Line),
		})
	}
	for _, mistake := range mistakes {
		remark := contract.Diagnostic{Severity: longshore_plugin_types.SeverityError, Message: mistake.Message}
		remark.Line = uint32(mistake.Line)
		parsed.Diagnostics = append(parsed.Diagnostics, remark)
	}
	return wit.Ok[contract.Parsed, contract.PluginError](parsed)
}
