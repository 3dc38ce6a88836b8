package render

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// validate checks the values against the schemas of the chart and its subcharts, as Helm does. The one
// difference: Helm fetches schemas that a schema refers to, and this takes them as fulfilled.
func validate(chrt *chart.Chart, values map[string]any) error {
	problems := check(chrt, values)
	if len(problems) == 0 {
		return nil
	}
	return failed(codeSchema, "values do not fit the schema of "+strings.Join(problems, "; "))
}

// check returns the problems of each chart, with the name of the chart in front.
func check(chrt *chart.Chart, values map[string]any) []string {
	var problems []string
	if chrt.Schema != nil {
		if err := checkOne(values, chrt.Schema); err != nil {
			problems = append(problems, fmt.Sprintf("%s: %s", chrt.Name(), err))
		}
	}
	for _, subchart := range chrt.Dependencies() {
		switch value := values[subchart.Name()].(type) {
		case nil:
		case map[string]any:
			problems = append(problems, check(subchart, value)...)
		case common.Values:
			problems = append(problems, check(subchart, value)...)
		default:
			problems = append(problems, fmt.Sprintf("%s: expected an object, got %T", subchart.Name(), value))
		}
	}
	return problems
}

// place is where the schema is known to the compiler.
const place = "file:///values.schema.json"

func checkOne(values map[string]any, text []byte) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("cannot check values.schema.json: %v", fault)
		}
	}()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("cannot read values.schema.json: %w", err)
	}
	forgetOutside(schema)
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(anything{})
	if err := compiler.AddResource(place, schema); err != nil {
		return fmt.Errorf("cannot read values.schema.json: %w", err)
	}
	compiled, err := compiler.Compile(place)
	if err != nil {
		return fmt.Errorf("cannot compile values.schema.json: %w", err)
	}
	if err := compiled.Validate(values); err != nil {
		message := strings.TrimPrefix(err.Error(), "jsonschema validation failed with '"+place+"#'\n")
		return errors.New(message)
	}
	return nil
}

// anything stands for a schema outside of the chart that forgetOutside has missed: one that all values
// fulfil.
type anything struct{}

func (anything) Load(string) (any, error) { return map[string]any{}, nil }
