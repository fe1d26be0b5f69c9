//go:build !amd64 || purego

package kernel

func supported(Level) bool { return false }
