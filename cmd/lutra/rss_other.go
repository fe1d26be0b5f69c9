//go:build !linux

package main

// peakRSS is the largest resident memory of the process so far, in bytes; 0
// where it cannot be asked for.
func peakRSS() int64 { return 0 }
