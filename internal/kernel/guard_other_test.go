//go:build !linux

package kernel

import "testing"

// guarded is n floats; only Linux has guard pages around them.
func guarded(_ testing.TB, n int) []float32 { return make([]float32, n) }
