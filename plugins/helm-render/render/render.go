// Package render renders a chart with Helm's own engine, as `helm template` does.
//
// It knows neither WebAssembly nor files: the package in ../component connects it to the host.
package render

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"

	"helm.sh/helm/v4/pkg/chart/common"
	valuesutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

// maxOutput is how many bytes all manifests may have together. The host takes no larger result.
const maxOutput = 60 << 20

// File is a file of the unpacked chart.
type File struct {
	// Path is relative to the folder with Chart.yaml.
	Path string
	Data []byte
}

// Release says for which release and cluster the chart is rendered.
type Release struct {
	Name      string
	Namespace string
	// KubeVersion is empty for the version that Helm assumes.
	KubeVersion string
	// APIVersions are known in addition to those that Helm assumes.
	APIVersions []string
	// SkipTests leaves out hooks that are tests.
	SkipTests bool
}

// Manifest is one YAML document and the path of its template.
type Manifest struct {
	Path string
	Text string
}

// Render returns the documents in the order in which `helm template` prints them: sorted by kind, then
// the hooks. Texts that are not YAML come last. `values` are YAML texts, of which a later one overrides an earlier one. Render calls `at`
// with the path of each template before it executes it.
//
// Every error is an *Error.
func Render(files []File, values []string, release Release, at func(template string)) (manifests []Manifest, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			manifests, err = nil, failedf(codeRenderer, "Helm's engine panicked: %v", fault)
		}
	}()
	if err := chartutil.ValidateReleaseName(release.Name); err != nil {
		return nil, failedf(codeRelease, "release name %q: %s", release.Name, err)
	}
	capabilities, err := capabilitiesOf(release)
	if err != nil {
		return nil, err
	}
	chrt, err := load(files)
	if err != nil {
		return nil, err
	}
	layers, err := merged(values)
	if err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependencies(chrt, layers); err != nil {
		return nil, failedf(codeChart, "process the dependencies: %s", err)
	}
	options := common.ReleaseOptions{
		Name: release.Name, Namespace: release.Namespace, Revision: 1, IsInstall: true,
	}
	// Helm's check of the schemas would fetch remote references.
	top, err := valuesutil.ToRenderValuesWithSchemaValidation(chrt, layers, options, capabilities, true)
	if err != nil {
		return nil, failed(codeValues, err.Error())
	}
	chosen, err := top.Table("Values")
	if err != nil {
		return nil, failed(codeValues, err.Error())
	}
	if err := validate(chrt, chosen); err != nil {
		return nil, err
	}
	// Helm checks this after the schemas, and only for the chart itself.
	if wanted := chrt.Metadata.KubeVersion; wanted != "" {
		if !chartutil.IsCompatibleRange(wanted, capabilities.KubeVersion.String()) {
			return nil, failedf(codeKubeVersion, "the chart requires kubeVersion %s, and Kubernetes is %s",
				wanted, capabilities.KubeVersion.Version)
		}
	}
	return execute(chrt, top, release.SkipTests, at)
}

// execute runs the templates and sorts their documents.
func execute(chrt *chart.Chart, values common.Values, skipTests bool, at func(string)) ([]Manifest, error) {
	places := mark(chrt)
	functions := keyFunctions()
	maps.Copy(functions, copyFunctions())
	functions[markName] = places.function(at)
	helm := engine.Engine{CustomTemplateFuncs: functions}
	texts, err := helm.RenderWithContext(context.Background(), chrt, values)
	if err != nil {
		return nil, failed(codeTemplate, placeFirst(places.restore(err)))
	}
	at("")
	if err := checkSize(texts); err != nil {
		return nil, err
	}
	hooks, sorted, err := sortManifests(texts)
	var broken []Manifest
	if err != nil {
		broken = takeBroken(texts)
		hooks, sorted, err = sortManifests(texts)
	}
	if err != nil {
		return nil, failed(codeManifest, placeFirst(err.Error()))
	}
	manifests := make([]Manifest, 0, len(sorted)+len(hooks)+len(broken))
	for _, manifest := range sorted {
		manifests = append(manifests, Manifest{Path: manifest.Name, Text: manifest.Content})
	}
	// `helm template` trims what it prints before the hooks.
	if last := len(manifests) - 1; last >= 0 {
		manifests[last].Text = strings.TrimRightFunc(manifests[last].Text, unicode.IsSpace)
	}
	for _, hook := range hooks {
		if skipTests && slices.Contains(hook.Events, releasev1.HookTest) {
			continue
		}
		manifests = append(manifests, Manifest{Path: hook.Path, Text: hook.Manifest})
	}
	return append(manifests, broken...), nil
}

// takeBroken removes the texts that Helm cannot sort, because they are not YAML or not objects, and returns
// them as they are. One such text stops Helm. The host reads all others, and says which one is broken.
func takeBroken(texts map[string]string) []Manifest {
	var broken []Manifest
	for _, template := range slices.Sorted(maps.Keys(texts)) {
		one := map[string]string{template: texts[template]}
		if _, _, err := releaseutil.SortManifests(one, nil, releaseutil.InstallOrder); err != nil {
			broken = append(broken, Manifest{Path: template, Text: texts[template]})
			delete(texts, template)
		}
	}
	return broken
}

// checkSize fails if the texts are larger than the host takes, and names the largest.
func checkSize(texts map[string]string) error {
	total, largest := 0, ""
	for template, text := range texts {
		total += len(text)
		if len(text) > len(texts[largest]) || (len(text) == len(texts[largest]) && template < largest) {
			largest = template
		}
	}
	if total <= maxOutput {
		return nil
	}
	return failedf(codeTooLarge, "%s: the chart renders to %d bytes, at most %d are allowed, and this template alone to %d",
		largest, total, maxOutput, len(texts[largest]))
}

// capabilitiesOf returns what `.Capabilities` holds: what Helm assumes without a cluster, and what the
// release says.
func capabilitiesOf(release Release) (*common.Capabilities, error) {
	capabilities := common.DefaultCapabilities.Copy()
	if release.KubeVersion != "" {
		version, err := common.ParseKubeVersion(release.KubeVersion)
		if err != nil {
			return nil, failedf(codeRelease, "Kubernetes version %q: %s", release.KubeVersion, err)
		}
		capabilities.KubeVersion = *version
	}
	capabilities.APIVersions = append(slices.Clone(capabilities.APIVersions), release.APIVersions...)
	return capabilities, nil
}
