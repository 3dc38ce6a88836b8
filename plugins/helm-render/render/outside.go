package render

import (
	"net/url"
	"strings"
)

// Keywords that hold values and not schemas.
var ofValues = map[string]bool{"const": true, "default": true, "enum": true, "examples": true}

// Keywords that refer to a schema.
var references = []string{"$ref", "$dynamicRef", "$recursiveRef"}

// forgetOutside makes every part of a schema that refers to another document accept all values.
func forgetOutside(schema any) {
	base, err := url.Parse(place)
	if err != nil {
		return
	}
	inside := map[string]bool{place: true}
	walk(schema, base, func(_ map[string]any, base *url.URL) {
		inside[withoutFragment(base)] = true
	})
	walk(schema, base, func(part map[string]any, base *url.URL) {
		if meta, ok := part["$schema"].(string); ok && !isStandard(meta) {
			delete(part, "$schema")
		}
		for _, keyword := range references {
			text, ok := part[keyword].(string)
			if !ok {
				continue
			}
			if target, err := base.Parse(text); err == nil && !inside[withoutFragment(target)] {
				acceptAll(part)
			}
		}
	})
}

// walk visits all objects of a schema, with the address against which each resolves its references.
func walk(part any, base *url.URL, visit func(map[string]any, *url.URL)) {
	switch part := part.(type) {
	case []any:
		for _, item := range part {
			walk(item, base, visit)
		}
	case map[string]any:
		for _, keyword := range []string{"$id", "id"} {
			text, ok := part[keyword].(string)
			if !ok {
				continue
			}
			if address, err := base.Parse(text); err == nil {
				base = address
			}
		}
		visit(part, base)
		for keyword, item := range part {
			if !ofValues[keyword] {
				walk(item, base, visit)
			}
		}
	}
}

// acceptAll removes all keywords but those that hold schemas for others.
func acceptAll(part map[string]any) {
	for keyword := range part {
		switch keyword {
		case "$id", "id", "$schema", "$defs", "definitions", "$anchor", "$dynamicAnchor":
		default:
			delete(part, keyword)
		}
	}
}

func withoutFragment(address *url.URL) string {
	bare := *address
	bare.Fragment, bare.RawFragment = "", ""
	return bare.String()
}

// isStandard returns whether the library knows a metaschema.
func isStandard(address string) bool {
	_, rest, found := strings.Cut(address, "://json-schema.org/")
	return found && (strings.HasPrefix(rest, "draft") || strings.HasPrefix(rest, "schema"))
}
