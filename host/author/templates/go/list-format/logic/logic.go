// Package logic reads lists of the form `mirror: [{image: REFERENCE, team: LABEL}]`.
package logic

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Image is an image of the list, with the line where it starts.
type Image struct {
	Line            int
	Reference, Team string
}

// Mistake is a part of the text that is no image. The first line and the first column are 1.
type Mistake struct {
	Line, Column int
	Message      string
}

// IsList tells whether a text is such a list.
func IsList(head string) bool {
	return strings.HasPrefix(head, "mirror:") || strings.Contains(head, "\nmirror:")
}

// Read returns the images of a list, and its mistakes.
func Read(text string) (images []Image, mistakes []Mistake) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var root, second yaml.Node
	if err := decoder.Decode(&root); err != nil {
		return nil, []Mistake{notYAML(err)}
	}
	if err := decoder.Decode(&second); err == nil {
		mistakes = append(mistakes, at(&second, "the text has a second document"))
	} else if !errors.Is(err, io.EOF) {
		mistakes = append(mistakes, notYAML(err))
	}
	list := member(root.Content[0], "mirror")
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil, append(mistakes, at(root.Content[0], "there is no list `mirror`"))
	}
	for _, item := range list.Content {
		image, team := member(item, "image"), member(item, "team")
		if image == nil || image.Kind != yaml.ScalarNode || image.Value == "" {
			mistakes = append(mistakes, at(item, "there is no `image`"))
			continue
		}
		found := Image{Line: item.Line, Reference: image.Value}
		if team != nil {
			found.Team = team.Value
		}
		images = append(images, found)
	}
	return images, mistakes
}

// member returns a value of a mapping that is not null. Other nodes have none.
func member(node *yaml.Node, key string) *yaml.Node {
	node = resolved(node)
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			if value := resolved(node.Content[i+1]); value.Tag != "!!null" {
				return value
			}
		}
	}
	return nil
}

// resolved returns what an alias stands for.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func at(node *yaml.Node, message string) Mistake {
	return Mistake{node.Line, node.Column, message}
}

func notYAML(err error) Mistake {
	line := 0
	// If the text does not start so, the line stays 0, which stands for the whole text.
	_, _ = fmt.Sscanf(err.Error(), "yaml: line %d:", &line)
	message := strings.ReplaceAll(err.Error(), "\n", " ")
	return Mistake{line, 0, "the text is not YAML: " + strings.TrimPrefix(message, "yaml: ")}
}

// Split splits a reference into name, tag and digest. The colon of a port starts no tag.
func Split(reference string) (name, tag, digest string) {
	name, digest, _ = strings.Cut(reference, "@")
	slash := strings.LastIndexByte(name, '/')
	if colon := strings.LastIndexByte(name, ':'); colon > slash {
		name, tag = name[:colon], name[colon+1:]
	}
	return name, tag, digest
}
