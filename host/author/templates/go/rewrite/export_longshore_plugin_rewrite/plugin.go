//go:build wasip1

// Package export_longshore_plugin_rewrite exports the rewrite. The bindings import it by this name.
package export_longshore_plugin_rewrite

import (
	"runtime/debug"

	"longshore.plugin/{{name}}/bindings/longshore_plugin_config"
	contract "longshore.plugin/{{name}}/bindings/longshore_plugin_rewrite"
	"longshore.plugin/{{name}}/bindings/longshore_plugin_types"
	wit "longshore.plugin/{{name}}/bindings/wit/types"
	"longshore.plugin/{{name}}/logic"
)

type result = wit.Result[[]contract.Verdict, contract.PluginError]

// Apply returns one verdict for each item.
func Apply(batch []contract.Item) result {
	debug.SetGCPercent(100) // see init in ../main.go
	prefix, err := logic.Prefix(longshore_plugin_config.Get())
	if err != nil {
		problem := longshore_plugin_types.MakePluginErrorInvalidConfig(err.Error())
		return wit.Err[[]contract.Verdict](problem)
	}
	verdicts := make([]contract.Verdict, 0, len(batch))
	for _, item := range batch {
		labels := map[string]string{}
		for _, attribute := range item.Attributes {
			labels[attribute.Key] = attribute.Value
		}
		verdict, text := logic.Rewritten(prefix, item.Destination, labels)
		switch verdict {
		case logic.Destination:
			verdicts = append(verdicts, contract.MakeVerdictDestination(text))
		case logic.Skip:
			verdicts = append(verdicts, contract.MakeVerdictSkip(text))
		case logic.Refuse:
			verdicts = append(verdicts, contract.MakeVerdictRefuse(text))
		}
	}
	return wit.Ok[[]contract.Verdict, contract.PluginError](verdicts)
}
