//go:build wasip1

// The plugin is a library: bindings/wit_exports exports what longshore calls.
package main

import (
	"runtime/debug"

	_ "longshore.plugin/{{name}}/bindings/wit_exports"
)

// longshore copies the arguments of a call into the plugin before it calls it. The garbage collector looks
// at the clock, which is not allowed then. So it rests until the call starts it.
func init() {
	debug.SetGCPercent(-1)
}

// main never runs.
func main() {}
