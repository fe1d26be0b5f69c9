//go:build !purego

package kernel

func outer(_ Level, o *OuterArgs) { outerGeneric(o) }
