// Package scheme knows which versions the Kubernetes API has.
package scheme

import (
	_ "embed"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The versions in the order of the real module, those of custom resources included. The module in
// ../../../../check writes the file and checks it.
//
//go:embed versions.txt
var versions string

// Versions stands in for runtime.Scheme.
type Versions struct{}

// Scheme has all versions that the client knows.
var Scheme = &Versions{}

// PrioritizedVersionsAllGroups returns the versions of all API groups.
func (*Versions) PrioritizedVersionsAllGroups() []schema.GroupVersion {
	var all []schema.GroupVersion
	for line := range strings.Lines(versions) {
		version, err := schema.ParseGroupVersion(strings.TrimSpace(line))
		if err != nil {
			panic(err)
		}
		all = append(all, version)
	}
	return all
}
