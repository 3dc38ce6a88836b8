package main

import (
	"os"
	"regexp"
	"testing"
)

func TestTheStandInHasTheVersionsOfTheRealModules(t *testing.T) {
	known, err := os.ReadFile("../standin/client-go/kubernetes/scheme/versions.txt")
	if err != nil {
		t.Fatal(err)
	}
	if real := versions(); string(known) != real {
		t.Errorf("versions.txt is old, see main.go. The real modules have:\n%s", real)
	}
}

func TestTheRealModulesAreThoseThatHelmWants(t *testing.T) {
	module := regexp.MustCompile(`k8s\.io/(?:client-go|apiextensions-apiserver) v\S+`)
	var found [2][]string
	for i, path := range []string{"../go.mod", "go.mod"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[i] = module.FindAllString(string(text), -1)
	}
	if len(found[0]) != 2 || len(found[1]) != 2 || found[0][0] != found[1][0] || found[0][1] != found[1][1] {
		t.Errorf("../go.mod has %v, go.mod has %v", found[0], found[1])
	}
}
