//go:build !purego

package kernel

func supported(l Level) bool { return l == NEON }
