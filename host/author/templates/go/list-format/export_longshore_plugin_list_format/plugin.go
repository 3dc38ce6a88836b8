//go:build wasip1

// Package export_longshore_plugin_list_format exports the list format. The bindings import it by this name.
package export_longshore_plugin_list_format

import (
	"runtime/debug"

	contract "longshore.plugin/{{name}}/bindings/longshore_plugin_list_format"
	"longshore.plugin/{{name}}/bindings/longshore_plugin_types"
	wit "longshore.plugin/{{name}}/bindings/wit/types"
	"longshore.plugin/{{name}}/logic"
)

// Probe says how sure the plugin is that a text is in its format.
func Probe(fileName, head string) contract.Confidence {
	if logic.IsList(head) {
		return contract.ConfidenceCertain
	}
	return contract.ConfidenceNo
}

// Parse reads a list.
func Parse(fileName, text string) wit.Result[contract.Parsed, contract.PluginError] {
	debug.SetGCPercent(100) // see init in ../main.go
	// longshore gives a call 192 MiB. A list of 100,000 images fits, if the collector does not wait too long.
	debug.SetMemoryLimit(144 << 20)
	images, mistakes := logic.Read(text)
	parsed := contract.Parsed{Entries: make([]contract.Entry, 0, len(images))}
	for _, image := range images {
		parsed.Entries = append(parsed.Entries, entry(image))
	}
	for _, mistake := range mistakes {
		parsed.Diagnostics = append(parsed.Diagnostics, contract.Diagnostic{
			Severity: longshore_plugin_types.SeverityError,
			Line:     uint32(mistake.Line),
			Column:   uint32(mistake.Column),
			Message:  mistake.Message,
		})
	}
	return wit.Ok[contract.Parsed, contract.PluginError](parsed)
}

func entry(image logic.Image) contract.Entry {
	name, tag, digest := logic.Split(image.Reference)
	entry := contract.Entry{
		Source:         name,
		Repositories:   wit.None[longshore_plugin_types.Filter](),
		Destination:    wit.None[string](),
		DestinationTag: wit.None[string](),
		Line:           uint32(image.Line),
	}
	switch {
	case digest != "":
		pinned := longshore_plugin_types.Pinned{Digest: digest, Tag: wit.None[string]()}
		if tag != "" {
			pinned.Tag = wit.Some(tag)
		}
		entry.Select = longshore_plugin_types.MakeSelectionByDigest(pinned)
	case tag != "":
		entry.Select = longshore_plugin_types.MakeSelectionByTag(tag)
	default:
		entry.Select = longshore_plugin_types.MakeSelectionByTag("latest")
	}
	if image.Team != "" {
		label := longshore_plugin_types.Attribute{Key: "team", Value: image.Team}
		entry.Attributes = []longshore_plugin_types.Attribute{label}
	}
	return entry
}
