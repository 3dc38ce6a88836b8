// Package logic reads the images that Kubespray downloads.
package logic

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Image is an image with the line where its download starts.
type Image struct {
	Line            int
	Repository, Tag string
}

// Mistake is a download of an image that is not known.
type Mistake struct {
	Line    int
	Message string
}

// Read returns the images of all downloads that are containers.
func Read(text string) (images []Image, mistakes []Mistake) {
	var variables map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(text), &variables); err != nil {
		return nil, []Mistake{{0, strings.ReplaceAll(err.Error(), "\n", " ")}}
	}
	downloads := variables["downloads"]
	if downloads.Kind != yaml.MappingNode {
		return nil, []Mistake{{downloads.Line, "`downloads` is no mapping"}}
	}
	for i := 0; i+1 < len(downloads.Content); i += 2 {
		name, line := downloads.Content[i].Value, downloads.Content[i].Line
		var download struct {
			Container, File bool
			Repo, Tag       string
		}
		err := downloads.Content[i+1].Decode(&download)
		if err == nil && download.File && !download.Container {
			continue
		}
		repository, noRepository := resolved(download.Repo, variables, 0)
		tag, noTag := resolved(download.Tag, variables, 0)
		if err = cmp.Or(err, noRepository, noTag); err != nil {
			mistakes = append(mistakes, Mistake{line, name + ": " + strings.ReplaceAll(err.Error(), "\n", " ")})
			continue
		}
		images = append(images, Image{line, repository, tag})
	}
	return images, mistakes
}

var expression = regexp.MustCompile(`\{\{.*?\}\}|\{%.*?%\}`)
var variable = regexp.MustCompile(`^\{\{\s*(\w+)\s*\}\}$`)

// resolved replaces variables by their values, which may have variables themselves.
func resolved(text string, variables map[string]yaml.Node, depth int) (string, error) {
	var failed error
	text = expression.ReplaceAllStringFunc(text, func(part string) string {
		name := variable.FindStringSubmatch(part)
		if name == nil || depth > 20 || variables[name[1]].Kind != yaml.ScalarNode {
			failed = fmt.Errorf("the value of `%s` is not known", part)
			return ""
		}
		inner, err := resolved(variables[name[1]].Value, variables, depth+1)
		failed = cmp.Or(failed, err)
		return inner
	})
	if failed == nil && text == "" {
		failed = fmt.Errorf("it has no `repo` or no `tag`")
	}
	return text, failed
}
