//go:build amd64 && !linux && !purego

package kernel

func tilesPermitted() bool { return false }
