package main

import (
	"context"
	"fmt"
	"slices"

	"lutra/internal/graph"
	"lutra/internal/levels"
	"lutra/internal/network"
	"lutra/internal/train"
)

// tableNets are networks with tables, as lutra train builds them.
var tableNets = []struct {
	name         string
	batch, steps int
	input        []int
}{
	{"resnet8", 64, 4, []int{3, 32, 32}},
	{"lenet", 64, 8, []int{1, 28, 28}},
	{"alexnet-cifar", 64, 2, []int{3, 32, 32}},
	{"mlp", 64, 40, []int{1, 28, 28}},
}

// between is the steps between clusterings, the default of lutra train.
const between = 1000

// compareTables prints a line for every network, or that of the name only.
func compareTables(only string, count, weights, pairs, steps, rounds, threads int) error {
	for _, c := range tableNets {
		if only != "" && only != c.name {
			continue
		}
		n, err := network.Lookup(c.name)
		if err != nil {
			return err
		}
		g, err := n.Build(network.Options{Input: c.input, Outputs: 10, Seed: 1})
		if err != nil {
			return err
		}
		h, err := levels.Convert(g, levels.Options{Levels: count, Input: levels.Bounds{Low: -3, High: 3}, Bound: 6})
		if err != nil {
			return err
		}
		if steps > 0 {
			c.steps = steps
		}
		ratios, seconds, err := turns(g, h, c.batch, c.steps, rounds, threads)
		if err != nil {
			return err
		}
		cluster, err := clustering(h, c.batch, levels.Weights{Values: weights, Pairs: pairs, Method: "kmeans"})
		if err != nil {
			return err
		}
		step := median(seconds)
		fmt.Printf("%-13s batch %d, %d levels: a step takes %.3f times that of the floating-point twin (%.3f to %.3f), %.2f ms; a clustering %.1f ms, in %d steps %.2f %% of their time: %.3f in all\n",
			c.name, c.batch, count, median(ratios), slices.Min(ratios), slices.Max(ratios), 1e3*step,
			1e3*cluster, between, 100*cluster/step/between, median(ratios)*(1+cluster/step/between))
	}
	return nil
}

// turns makes steps with g and h in turns and returns, by round, what a step
// with h takes of one with g, and its seconds.
func turns(g, h *graph.Graph, batch, steps, rounds, threads int) (ratios, seconds []float64, err error) {
	var step [2]func() error
	for i, g := range []*graph.Graph{g, h} {
		if _, step[i], err = newSteps(g, batch, threads); err != nil {
			return nil, nil, err
		}
	}
	for round := range rounds + 1 {
		var spent [2]float64
		for range steps { // alternate at every step: the clock of the processor changes
			for i := range step {
				start := processorSeconds()
				if err := step[i](); err != nil {
					return nil, nil, err
				}
				spent[i] += processorSeconds() - start
			}
		}
		if round > 0 { // the first one warms up
			ratios, seconds = append(ratios, spent[1]/spent[0]), append(seconds, spent[1]/float64(steps))
		}
	}
	return ratios, seconds, nil
}

// clustering is the processor seconds in which the weights of g are clustered.
func clustering(g *graph.Graph, batch int, w levels.Weights) (float64, error) {
	net, err := train.Compile(context.Background(), g, train.Options{Batch: batch})
	if err != nil {
		return 0, err
	}
	layers, err := levels.Layers(g)
	if err != nil {
		return 0, err
	}
	at := func(name string) []float32 {
		for _, p := range net.Params() {
			if p.Name == name {
				return p.Value
			}
		}
		return nil
	}
	start := processorSeconds()
	w.Cluster(context.Background(), layers, at)
	return processorSeconds() - start, nil
}
