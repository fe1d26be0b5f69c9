//go:build !amd64 || purego

package kernel

// tiling8 is empty: no level here cuts grids.
type tiling8 struct{}

func (*GridI8) tile(Level)                                      {}
func tiles8(_ Level, _ *GridI8, _ *TileI8Args) bool             { return false }
func codes8(_ Level, _ *GridI8, _ *TileI8Args, _ *CodedI8) bool { return false }
