package compress

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// settled are the shares of the numbers of the codewords that are bytes after
// each stage of settle.
var settled = []float64{0.5, 0.8, 0.95, 1}

// settle rounds the codewords to what can be stored and returns the objective.
// The errors of bytes add up where inputs are alike. So the half of the numbers
// that are nearest to a byte are rounded first, and the others make up for them
// by a descent; then most of those, and so on. That is left undone if plain
// rounding is better.
func (r *refinement) settle(ctx context.Context) (float64, error) {
	float := r.s.words
	curvature := r.curvature()
	plain := slices.Clone(float)
	r.s.scale = r.round(plain, curvature)
	r.s.words = plain
	best, err := r.objective(ctx)
	if err != nil || r.s.scale == 0 {
		return best, err
	}
	r.s.words = slices.Clone(float)
	if err := r.settleInStages(ctx, curvature); err != nil {
		return 0, err
	}
	after, err := r.objective(ctx)
	if err == nil && !(after < best) {
		r.s.words, after = plain, best
	}
	return after, err
}

// settleInStages overwrites curvature.
func (r *refinement) settleInStages(ctx context.Context, curvature []float64) error {
	free := make([]int, len(curvature))
	for i := range free {
		free[i] = i
	}
	for _, share := range settled {
		n := len(free) - int((1-share)*float64(len(curvature)))
		slices.SortStableFunc(free, func(a, b int) int { return cmp.Compare(r.offGrid(a), r.offGrid(b)) })
		for _, i := range free[:n] {
			r.s.words[i] = r.byteNear(i)
			curvature[i] = 0
		}
		if free = free[n:]; len(free) == 0 {
			break
		}
		moved, err := r.descent(ctx, curvature)
		if err != nil {
			return err
		}
		r.s.words = shifted(r.s.words, moved)
	}
	return nil
}

// byteNear is number i of the codewords as a byte times the scale.
func (r *refinement) byteNear(i int) float32 {
	q := math.RoundToEven(float64(r.s.words[i]) / float64(r.s.scale))
	return float32(min(max(q, -127), 127)) * r.s.scale
}

// offGrid is how far that is from it.
func (r *refinement) offGrid(i int) float32 {
	e := r.s.words[i] - r.byteNear(i)
	return max(e, -e)
}
