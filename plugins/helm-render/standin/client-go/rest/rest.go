// Package rest stands in for the package of the Kubernetes client.
package rest

// Config would say how to reach a cluster.
type Config struct{}
