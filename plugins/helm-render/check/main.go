// This program prints the versions of the Kubernetes API that Helm knows, from the real modules:
//
//	go run . > ../standin/client-go/kubernetes/scheme/versions.txt
package main

import (
	"fmt"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	fmt.Print(versions())
}

// versions returns one version a line, in Helm's order.
func versions() string {
	// Helm registers these two in this order (pkg/chart/common/capabilities.go).
	must(apiextensionsv1beta1.AddToScheme(scheme.Scheme))
	must(apiextensionsv1.AddToScheme(scheme.Scheme))
	var lines strings.Builder
	for _, version := range scheme.Scheme.PrioritizedVersionsAllGroups() {
		fmt.Fprintln(&lines, version)
	}
	return lines.String()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
