package main

import (
	"fmt"
	"slices"
	"time"
)

// compareThreads prints what threads make of one thread: steps with either in
// turns, and the medians of the ratios of time and of processor time, of which
// the second says what threads cost each other.
func compareThreads(name string, batch, steps, rounds, threads int) error {
	var step [2]func() error
	for i, n := range []int{1, threads} {
		var err error
		if _, step[i], err = newSteps(networks[name](), batch, n); err != nil {
			return err
		}
	}
	var faster, dearer []float64
	for round := range rounds + 1 {
		var wall, processor [2]float64
		for range steps { // alternate at every step: the clock of the processor changes
			for i := range step {
				start, spent := time.Now(), processorSeconds()
				if err := step[i](); err != nil {
					return err
				}
				wall[i] += time.Since(start).Seconds()
				processor[i] += processorSeconds() - spent
			}
		}
		if round > 0 { // the first one warms up
			faster, dearer = append(faster, wall[0]/wall[1]), append(dearer, processor[1]/processor[0])
		}
	}
	fmt.Printf("%-9s batch %3d: %d threads are %.2f times as fast as one (%.2f to %.2f), and take %.3f times its processor time\n",
		name, batch, threads, median(faster), slices.Min(faster), slices.Max(faster), median(dearer))
	return nil
}
