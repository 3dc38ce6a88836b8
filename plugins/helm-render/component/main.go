//go:build wasip1

// The component: the generated package exports what the world wants.
package main

import (
	"runtime/debug"
	// Charts format times in any zone, and the sandbox has no files with zones.
	_ "time/tzdata"

	_ "longshore/helm-render/bindings/wit_exports"
)

// The host copies the chart into this guest by calls of its allocator, and a guest may not call the host
// then. The garbage collector does, to look at the clock. It starts with the rendering.
func init() {
	debug.SetGCPercent(-1)
}

// main never runs, because the component is a library.
func main() {}
