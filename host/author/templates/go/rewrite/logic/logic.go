// Package logic puts a prefix before each destination, and skips what is for tests.
package logic

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Verdict is what happens to an item.
type Verdict int

const (
	Destination Verdict = iota
	Skip
	Refuse
)

// Prefix reads the configuration, a JSON object.
func Prefix(config string) (string, error) {
	var read struct{ Prefix string }
	if err := json.Unmarshal([]byte(config), &read); err != nil {
		return "", fmt.Errorf("read the configuration: %w", err)
	}
	if read.Prefix == "" {
		return "", errors.New("prefix must be a path such as `mirror`")
	}
	return read.Prefix, nil
}

// Rewritten returns the new destination, or why there is none.
func Rewritten(prefix, destination string, labels map[string]string) (Verdict, string) {
	if labels["stage"] == "test" {
		return Skip, "it is for tests only"
	}
	registry, path, found := strings.Cut(destination, "/")
	if !found {
		return Refuse, "the destination names no registry"
	}
	return Destination, registry + "/" + prefix + "/" + path
}
