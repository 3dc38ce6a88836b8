package logic

import (
	"strings"
	"testing"
)

func TestVariablesAreReplaced(t *testing.T) {
	images, mistakes := Read("hub: docker.io\nrepo: '{{ hub }}/a'\ntag: 1.10\ndownloads:\n" +
		"  a: {container: true, repo: '{{ repo }}', tag: 'v{{ tag }}-x'}\n  b: {file: true, url: c}\n")
	if len(mistakes) != 0 || len(images) != 1 || images[0] != (Image{5, "docker.io/a", "v1.10-x"}) {
		t.Error(images, mistakes)
	}
}

func TestWhatIsNotKnownIsAMistake(t *testing.T) {
	for download, message := range map[string]string{
		"repo: '{{ none }}', tag: b":         "is not known",
		"repo: '{{ a | lower }}', tag: b":    "is not known",
		"repo: '{% if a %}b{% endif %}'":     "is not known",
		"repo: '{{ circle }}', tag: b":       "is not known",
		"repo: a":                            "no `tag`",
		"repo: [a], tag: b, container: true": "cannot unmarshal",
	} {
		_, mistakes := Read("circle: '{{ circle }}'\ndownloads:\n  x: {" + download + "}\n")
		if len(mistakes) != 1 || !strings.Contains(mistakes[0].Message, message) || mistakes[0].Line != 3 {
			t.Error(download, mistakes)
		}
	}
	if _, mistakes := Read("downloads: []\n"); len(mistakes) != 1 {
		t.Error(mistakes)
	}
}
