package render

import (
	"fmt"
	"strings"
	"unicode"

	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

// Helm parses each document as YAML to sort it, and uses nothing but `apiVersion`, `kind` and `metadata`. The
// definitions of custom resources are most of what many charts render to, and their schemas have thousands of
// lines. So Helm gets these documents without the schemas. The host reads all that is rendered, and says what
// is not YAML.

// leastToShorten is the size of a document in bytes from which on it pays to look for its head.
const leastToShorten = 2048

// sortManifests returns what releaseutil.SortManifests does.
func sortManifests(texts map[string]string) ([]*releasev1.Hook, []releaseutil.Manifest, error) {
	whole := map[string]string{}
	short := make(map[string]string, len(texts))
	for template, text := range texts {
		short[template] = withoutSchemas(text, whole)
	}
	hooks, manifests, err := releaseutil.SortManifests(short, nil, releaseutil.InstallOrder)
	if err != nil && len(whole) > 0 {
		return releaseutil.SortManifests(texts, nil, releaseutil.InstallOrder)
	}
	for i := range manifests {
		if text, ok := whole[manifests[i].Content]; ok {
			manifests[i].Content = text
		}
	}
	for _, hook := range hooks {
		if text, ok := whole[hook.Manifest]; ok {
			hook.Manifest = text
		}
	}
	return hooks, manifests, err
}

// withoutSchemas returns a text with short documents in the place of large definitions. It adds to `whole` what
// Helm would return for each of them.
func withoutSchemas(text string, whole map[string]string) string {
	if len(text) < leastToShorten {
		return text
	}
	var short strings.Builder
	for document := range documents(text) {
		head, ok := headOfDefinition(document)
		if !ok {
			short.WriteString(document)
			continue
		}
		// Definitions with the same head differ by the number.
		head = fmt.Sprintf("%s# %d\n", head, len(whole))
		whole[head] = strings.TrimLeftFunc(document, unicode.IsSpace)
		short.WriteString(head)
	}
	return short.String()
}

// documents yields the parts of a text that releaseutil.SplitManifests sees as documents, and the separators
// between them.
func documents(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start := 0
		for at := 0; at < len(text); {
			if strings.HasPrefix(text[at:], "---") {
				after := at + len(text[at:]) - len(strings.TrimLeft(text[at+len("---"):], " \t"))
				if !yield(text[start:at]) || !yield(text[at:after]) {
					return
				}
				start = after
			}
			end := strings.IndexByte(text[at:], '\n')
			if end < 0 {
				break
			}
			at += end + 1
		}
		yield(text[start:])
	}
}

// headOfDefinition returns the document without `spec` and `status` if it is a large definition of a custom
// resource, written as programs write it: one key in each line that is not indented.
func headOfDefinition(document string) (string, bool) {
	if len(document) < leastToShorten {
		return "", false
	}
	var head strings.Builder
	isDefinition, isDropped := false, false
	for line := range strings.Lines(strings.TrimLeftFunc(document, unicode.IsSpace)) {
		if isTopLevel(line) {
			key, value, ok := strings.Cut(line, ":")
			if !ok || !isWord(key) {
				return "", false
			}
			value = strings.TrimSpace(value)
			isDropped = (key == "spec" || key == "status") && value == ""
			isDefinition = isDefinition || key == "kind" && value == "CustomResourceDefinition"
		}
		if !isDropped {
			head.WriteString(line)
		}
	}
	text := head.String()
	if !isDefinition || len(text) == len(document) {
		return "", false
	}
	return text + "\n", true
}

// isTopLevel returns whether a line belongs to the mapping that is the document, and is no comment.
func isTopLevel(line string) bool {
	return strings.TrimSpace(line) != "" && !strings.ContainsAny(line[:1], " \t#")
}

func isWord(text string) bool {
	isOther := func(letter rune) bool {
		return (letter < 'a' || letter > 'z') && (letter < 'A' || letter > 'Z')
	}
	return text != "" && strings.IndexFunc(text, isOther) < 0
}
