package render

import (
	"bytes"
	"reflect"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"helm.sh/helm/v4/pkg/chart/common"
)

// copyFunctions returns functions for templates that copy values. Some charts copy all that a template sees,
// with the files of the chart. Sprig's functions do so by reflection, byte by byte.
func copyFunctions() template.FuncMap {
	helm := sprig.TxtFuncMap()
	panics, okPanics := helm["deepCopy"].(func(any) any)
	fails, okFails := helm["mustDeepCopy"].(func(any) (any, error))
	if !okPanics || !okFails {
		return nil
	}
	copier := copier{slow: fails}
	return template.FuncMap{
		"deepCopy": func(value any) any {
			if copied, ok := copier.copy(value); ok {
				return copied
			}
			return panics(value)
		},
		"mustDeepCopy": func(value any) (any, error) {
			if copied, ok := copier.copy(value); ok {
				return copied, nil
			}
			return fails(value)
		},
	}
}

// copier copies maps and lists as YAML and JSON are read to, and leaves other values in them to sprig.
type copier struct {
	slow func(any) (any, error)
}

// copy returns a copy, or that sprig must copy all.
func (c copier) copy(value any) (any, bool) {
	switch value := value.(type) {
	case map[string]any:
		return copyMap(c, value)
	case common.Values:
		return copyMap(c, value)
	case []any:
		if value == nil {
			return nil, false
		}
		copied := make([]any, len(value))
		for i, item := range value {
			one, ok := c.item(item)
			if !ok {
				return nil, false
			}
			copied[i] = one
		}
		return copied, true
	default:
		return copyFiles(value)
	}
}

// item copies an item of a map or list.
func (c copier) item(item any) (any, bool) {
	switch item := item.(type) {
	case nil, string, bool, int, int64, float64:
		return item, true
	default:
		if copied, ok := c.copy(item); ok {
			return copied, true
		}
		copied, err := c.slow(item)
		return copied, err == nil
	}
}

// copyMap copies a map with its type.
func copyMap[Map ~map[string]any](c copier, value Map) (any, bool) {
	if value == nil {
		return nil, false
	}
	copied := make(Map, len(value))
	for key, item := range value {
		one, ok := c.item(item)
		if !ok {
			return nil, false
		}
		copied[key] = one
	}
	return copied, true
}

// copyFiles copies a map of files, of whatever type. Helm has one of its own for `.Files`.
func copyFiles(value any) (any, bool) {
	files := reflect.ValueOf(value)
	if files.Kind() != reflect.Map || files.IsNil() || files.Type().Elem() != reflect.TypeFor[[]byte]() {
		return nil, false
	}
	copied := reflect.MakeMapWithSize(files.Type(), files.Len())
	for each := files.MapRange(); each.Next(); {
		content := each.Value().Bytes()
		if content == nil {
			return nil, false
		}
		copied.SetMapIndex(each.Key(), reflect.ValueOf(bytes.Clone(content)))
	}
	return copied.Interface(), true
}
