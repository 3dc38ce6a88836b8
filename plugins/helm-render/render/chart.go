package render

import (
	"bytes"
	"strings"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

// Helm removes the byte order mark from every file of a chart.
var byteOrderMark = []byte("\xef\xbb\xbf")

// load reads the chart, and fails where `helm template` would not go on.
func load(files []File) (*chart.Chart, error) {
	buffered := make([]*archive.BufferedFile, 0, len(files))
	for _, file := range files {
		data := bytes.TrimPrefix(file.Data, byteOrderMark)
		buffered = append(buffered, &archive.BufferedFile{Name: file.Path, Data: data})
	}
	chrt, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, failed(codeChart, err.Error())
	}
	if version := chrt.Metadata.APIVersion; version != chart.APIVersionV1 && version != chart.APIVersionV2 {
		return nil, failedf(codeChart, "apiVersion %q of Chart.yaml is neither v1 nor v2", version)
	}
	if kind := chrt.Metadata.Type; kind != "" && kind != "application" {
		return nil, failedf(codeChart, "%s charts are not installable", kind)
	}
	if missing := missingDependencies(chrt); len(missing) > 0 {
		return nil, failed(codeDependencies,
			"found in Chart.yaml, but missing in charts/ directory: "+strings.Join(missing, ", "))
	}
	return chrt, nil
}

// missingDependencies names the declared dependencies that the chart does not contain, even those that
// the values switch off, as Helm does.
func missingDependencies(chrt *chart.Chart) []string {
	present := make(map[string]bool)
	for _, dependency := range chrt.Dependencies() {
		present[dependency.Name()] = true
	}
	var missing []string
	for _, dependency := range chrt.Metadata.Dependencies {
		if !present[dependency.Name] {
			missing = append(missing, dependency.Name)
		}
	}
	return missing
}

// merged reads values files, of which a later one overrides an earlier one.
func merged(values []string) (map[string]any, error) {
	all := map[string]any{}
	for i, text := range values {
		layer, err := loader.LoadValues(strings.NewReader(text))
		if err != nil {
			return nil, failedf(codeValues, "values file %d of %d: %s", i+1, len(values), err)
		}
		all = loader.MergeMaps(all, layer)
	}
	return all, nil
}
