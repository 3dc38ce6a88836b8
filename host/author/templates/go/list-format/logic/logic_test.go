package logic

import (
	"strings"
	"testing"
)

const list = `mirror:
  - image: docker.io/library/redis:7.2
  - image: quay.io/app/server:1.4
    team: payments
  - team: nobody
`

func TestImagesHaveTheirLinesAndLabels(t *testing.T) {
	if !IsList(list) || IsList("services: {}\n") {
		t.Error("the list is not recognised, or another text is")
	}
	images, mistakes := Read(list)
	if len(images) != 2 || images[1] != (Image{3, "quay.io/app/server:1.4", "payments"}) {
		t.Errorf("read %v", images)
	}
	if len(mistakes) != 1 || mistakes[0] != (Mistake{5, 5, "there is no `image`"}) {
		t.Errorf("found %v", mistakes)
	}
}

func TestWhatIsNotReadIsAMistake(t *testing.T) {
	for text, message := range map[string]string{
		"mirror: [":                       "not YAML",
		"":                                "not YAML",
		"other: []\n":                     "no list `mirror`",
		"mirror: {image: a}\n":            "no list `mirror`",
		"mirror: [{image: [a]}, b, {}]\n": "no `image`",
		"mirror: [{image: null}]\n":       "no `image`",
		"mirror: []\n---\nmirror: [{}]\n": "second document",
		"mirror: []\n---\n\"not closed\n": "not YAML",
	} {
		_, mistakes := Read(text)
		if len(mistakes) == 0 || !strings.Contains(mistakes[0].Message, message) {
			t.Errorf("%q: found %v", text, mistakes)
		}
	}
}

func TestReferencesAreSplit(t *testing.T) {
	for reference, parts := range map[string][3]string{
		"redis":        {"redis", "", ""},
		"h:5000/a":     {"h:5000/a", "", ""},
		"h:5000/a:1":   {"h:5000/a", "1", ""},
		"a:1@sha256:0": {"a", "1", "sha256:0"},
	} {
		name, tag, digest := Split(reference)
		if [3]string{name, tag, digest} != parts {
			t.Errorf("%s: %q, %q, %q", reference, name, tag, digest)
		}
	}
}
