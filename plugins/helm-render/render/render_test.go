package render

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

// call calls the function of a map for templates, and returns its panic as an error.
func call(functions template.FuncMap, name string, value any) (result any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v", fault)
		}
	}()
	argument := reflect.New(reflect.TypeFor[any]()).Elem()
	if value != nil {
		argument.Set(reflect.ValueOf(value))
	}
	results := reflect.ValueOf(functions[name]).Call([]reflect.Value{argument})
	if len(results) == 2 && !results[1].IsNil() {
		return nil, results[1].Interface().(error)
	}
	return results[0].Interface(), nil
}

func TestCopiesAreSprigs(t *testing.T) {
	type other map[string]any
	type files map[string][]byte
	text := "text"
	values := []any{
		map[string]any{},
		map[string]any{"a": nil},
		map[string]any{"a": map[string]any(nil), "b": []any(nil)},
		map[string]any{"a": []any{}, "b": map[string]any{}},
		map[string]any{"a": "x", "b": true, "c": 1.5, "d": int64(7), "e": 8, "f": nil},
		map[string]any{"a": []any{"x", nil, map[string]any{"y": []any{[]any{1.0, nil}}}}},
		map[string]any{"a": other{"b": 1}, "c": []string{"d"}, "e": map[string]string{"f": "g"}},
		map[string]any{"a": &text, "b": map[any]any{"c": 1}, "d": []byte("e"), "f": uint8(2)},
		common.Values{"a": common.Values{"b": nil}, "c": map[string]any{"d": common.Values(nil)}},
		map[string]any{"a": []any{&common.Capabilities{APIVersions: []string{"b"}}, map[string]string{"c": "d"}}},
		map[string]any{"a": files{"b": []byte("c"), "d": {}, "e": nil}, "f": files{"g": []byte("h")}, "i": files(nil)},
		files{"a": []byte("b")}, map[string]any{"a": struct{ B []any }{[]any{"c"}}},
		[]any{}, []any{nil}, []any{"x", []any{map[string]any{"y": false}}},
		[]any(nil), map[string]any(nil), []string{"a"}, "text", 7, nil, other{"a": []any{nil}},
	}
	for _, value := range values {
		for _, name := range []string{"deepCopy", "mustDeepCopy"} {
			wanted, wantedErr := call(sprig.TxtFuncMap(), name, value)
			found, err := call(copyFunctions(), name, value)
			if !reflect.DeepEqual(found, wanted) || fmt.Sprint(err) != fmt.Sprint(wantedErr) {
				t.Errorf("%s %#v: %#v (%v), and sprig's is %#v (%v)", name, value, found, err, wanted, wantedErr)
			}
		}
	}
}

func TestCopiesShareNothing(t *testing.T) {
	value := map[string]any{"a": map[string]any{"b": []any{map[string]any{"c": 1}}}}
	copied, _ := call(copyFunctions(), "deepCopy", value)
	inner := copied.(map[string]any)["a"].(map[string]any)["b"].([]any)
	inner[0].(map[string]any)["c"] = 2
	inner[0] = nil
	if !reflect.DeepEqual(value, map[string]any{"a": map[string]any{"b": []any{map[string]any{"c": 1}}}}) {
		t.Errorf("the original changed: %v", value)
	}
}

// definition returns a large definition of a custom resource.
func definition(name string, more ...string) string {
	lines := []string{
		"apiVersion: apiextensions.k8s.io/v1", "kind: CustomResourceDefinition", "metadata:", "  name: " + name,
	}
	lines = append(lines, more...)
	lines = append(lines, "spec:", "  description: |-")
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("    Line %d of the schema", i), "")
	}
	return strings.Join(append(lines, "status:", "  conditions: []", ""), "\n")
}

func TestDocumentsAreSortedAsHelmSortsThem(t *testing.T) {
	pod := "kind: Pod\nmetadata:\n  name: p\n"
	hook := "  annotations:\n    helm.sh/hook: pre-install\n    helm.sh/hook-weight: '-3'"
	texts := map[string]string{
		"c/crds.yaml":  definition("b") + "---\n" + pod + "\n--- \t\n# of a\n" + definition("a") + "\n---\n" + definition("a"),
		"c/first.yaml": "\n\n  ---\n" + definition("c") + "---\n\n---" + definition("d"),
		"c/hooks.yaml": definition("e", hook) + "--- \n" + definition("f", hook, "  labels: {a: b}"),
		"c/crlf.yaml":  strings.ReplaceAll(definition("g"), "\n", "\r\n"),
		"c/flow.yaml":  "{kind: CustomResourceDefinition, a: \"" + strings.Repeat("x", leastToShorten) + "\"}",
		"c/list.yaml":  "kind: CustomResourceDefinition\nspec:\n- a\n- " + strings.Repeat("x", leastToShorten),
		"c/quoted.yaml": "kind: CustomResourceDefinition\nspec:\n  a: \"" + strings.Repeat("x", leastToShorten) +
			"\nname: Pod\"\nmetadata: {name: q}\n",
		"c/anchor.yaml": "kind: CustomResourceDefinition\nspec:\n  a: &a {x: '" + strings.Repeat("x", leastToShorten) +
			"'}\nmetadata:\n  name: r\n  labels: *a\n",
		"c/_partial.yaml": definition("h"),
		"c/empty.yaml":    strings.Repeat(" \n", leastToShorten),
		"c/pod.yaml":      pod + "spec:\n  a: " + strings.Repeat("x", leastToShorten),
	}
	for _, only := range append(slices.Sorted(maps.Keys(texts)), "") {
		some := texts
		if only != "" {
			some = map[string]string{only: texts[only]}
		}
		hooks, manifests, err := sortManifests(some)
		wantedHooks, wanted, wantedErr := releaseutil.SortManifests(some, nil, releaseutil.InstallOrder)
		if err != nil || wantedErr != nil {
			t.Fatalf("%s: %v, %v", only, err, wantedErr)
		}
		for i := range min(len(manifests), len(wanted)) {
			if manifests[i].Name != wanted[i].Name || manifests[i].Content != wanted[i].Content {
				t.Errorf("%s: manifest %d is\n%.300s\n, and Helm's is\n%.300s", only, i, manifests[i].Content, wanted[i].Content)
			}
		}
		if len(manifests) != len(wanted) || !reflect.DeepEqual(hooks, wantedHooks) {
			t.Errorf("%s: %d manifests and %v, Helm has %d and %v", only, len(manifests), hooks, len(wanted), wantedHooks)
		}
	}
}

func TestWhatHelmRefusesInADefinitionIsRefused(t *testing.T) {
	for _, more := range []string{
		"  annotations: {a: [b]}", "  annotations:\n  a", "  labels: *unknown", "metadata: text", "  - a", "\tb: c",
	} {
		text := map[string]string{"c/crd.yaml": definition("a", more)}
		_, _, err := sortManifests(text)
		_, _, wanted := releaseutil.SortManifests(text, nil, releaseutil.InstallOrder)
		if wanted == nil || err == nil || err.Error() != wanted.Error() {
			t.Errorf("%q: %v, and Helm says %v", more, err, wanted)
		}
	}
}

func TestOnlyDefinitionsAreShortened(t *testing.T) {
	short, ok := headOfDefinition(definition("a"))
	if !ok || strings.Contains(short, "schema") || !strings.Contains(short, "name: a") {
		t.Errorf("%q", short)
	}
	if head, ok := headOfDefinition(strings.Replace(definition("a"), "kind: Custom", "kind: Other", 1)); ok {
		t.Errorf("another kind was shortened to %q", head)
	}
}
