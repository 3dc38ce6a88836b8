// Package kubernetes is empty. Helm imports it, so that the build records the version of the module.
package kubernetes
