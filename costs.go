package lutra

import (
	"context"
	"encoding/json"

	"lutra/internal/engine"
	"lutra/internal/kernel"
	"lutra/internal/safe"
)

// Costs predict how long kernels take; see ReadCosts and MeasureCosts.
type Costs = engine.Costs

// maxCostsBytes bounds files of costs, which take some kilobytes.
const maxCostsBytes = 1 << 20

// ReadCosts reads costs that were stored as JSON, in nanoseconds by
// instruction set and kind of kernel.
func ReadCosts(path string) (Costs, error) {
	b, err := safe.ReadFile(path, maxCostsBytes)
	if err != nil {
		return nil, err
	}
	return engine.ParseCosts(path, b)
}

// MeasureCosts times kernels of every instruction set that this machine
// supports, or of the one named cpu, on one thread. Level fused is predicted as
// generic unless it is named.
func MeasureCosts(ctx context.Context, cpu string, progress func(level string, done, total int)) (Costs, error) {
	costs := Costs{}
	for level := kernel.Generic; level <= kernel.Best(); level++ {
		if !level.Supported() || cpu == "" && level == kernel.Fused || cpu != "" && level.String() != cpu {
			continue
		}
		measured, err := engine.MeasureCosts(ctx, level, func(done, total int) { progress(level.String(), done, total) })
		if err != nil {
			return nil, err
		}
		costs.Add(measured)
	}
	return costs, nil
}

// EncodeCosts is the JSON that ReadCosts reads.
func EncodeCosts(c Costs) ([]byte, error) {
	b, err := json.MarshalIndent(c, "", "  ")
	return append(b, '\n'), err
}
