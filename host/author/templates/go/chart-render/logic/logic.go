// Package logic renders charts without templates: it returns the files of `templates/` as they are, with
// `RELEASE` replaced by the name of the release.
package logic

import (
	"strings"
	"unicode/utf8"
)

// IsTemplate tells whether a file of the chart is rendered.
func IsTemplate(path string) bool {
	return strings.HasPrefix(path, "templates/")
}

// NotText means that a template is not UTF-8 text.
type NotText struct{ Path string }

func (err NotText) Error() string { return err.Path + ": it is not UTF-8 text" }

// Render renders a template.
func Render(path string, content []byte, release string) (string, error) {
	if !utf8.Valid(content) {
		return "", NotText{path}
	}
	return strings.ReplaceAll(string(content), "RELEASE", release), nil
}
