// copied from go.bytecodealliance.org/pkg v0.2.3 (Apache-2.0 WITH LLVM-exception)

//go:build wasip1

package wit_types

type Unit struct{}
