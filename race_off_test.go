//go:build !race

package lutra

const raceEnabled = false
