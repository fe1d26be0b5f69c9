package lut

import "lutra/internal/kernel"

// vectorLinear computes a Linear layer at many places at a time, by the
// products of which its table is made: an instruction computes more of them than
// another one looks up, whatever the number of levels.
type vectorLinear struct {
	layer      *Linear
	level      kernel.Level
	planes     *kernel.LUTPlanes
	tiles      []tile
	groups     []*kernel.LUTWeights  // of channels
	activation *kernel.LUTActivation // nil: scores
	residual   [256]int32            // entries of the residual's levels
	low        [256]int32            // their lower bits
	numbers    []int16               // of the planes
	scratch    []int16
	batch      int     // tiles for which weights stay in a cache
	sums       []int32 // [batch][outputs of a group][pitch]
	pitch      int     // places of a tile
	places     int     // outputs of a channel
}

// mostTiles is the most tiles in a batch.
const mostTiles = 8

// vector prepares a layer for the kernels of a level.
func (n *Network) vector(l Layer, level kernel.Level) step {
	switch l := l.(type) {
	case *Linear:
		out := &n.Tensors[l.Out]
		switch {
		case l.depthwise(&n.Tensors[l.In]):
			return newVectorDepthwise(n, l, level)
		case out.H*out.W == 1:
			return newVectorDense(n, l, level)
		}
		return newVectorLinear(n, l, level)
	case *MaxPool:
		return newVectorMax(n, l, level)
	}
	return n.scalar(l)
}

func newVectorLinear(n *Network, l *Linear, level kernel.Level) *vectorLinear {
	in, out := &n.Tensors[l.In], &n.Tensors[l.Out]
	v := &vectorLinear{layer: l, level: level, planes: l.planes(n, level), pitch: level.LUTPlaces(), places: out.H * out.W}
	v.tiles = tiles(out, v.planes.Pitch(), v.pitch)
	per := in.C / l.Groups
	for g := range l.Groups {
		w := l.weights(g)
		v.groups = append(v.groups, level.NewLUTWeights(w, v.planes.Taps(g*per, per), len(w)/l.K, l.block()))
	}
	if v.batch = 1; v.groups[0].Chunks() > 1 {
		v.batch = min(mostTiles, len(v.tiles))
	}
	copy(v.residual[:], l.ResidualTable)
	copy(v.low[:], l.ResidualLow)
	if a := l.Activation; a.Bins > 0 {
		v.activation = kernel.NewLUTActivation(a.Shift, a.Bins, a.Map)
	}
	return v.clone().(*vectorLinear)
}

// weights is the numbers of the weights of group g, [K][outputs], or, of exact
// products, those and their lower bits, as if these were of other outputs.
func (l *Linear) weights(g int) []int16 {
	per := l.Outputs / l.Groups
	list := make([]int16, 0, 2*l.K*per)
	for k := range l.K {
		for o := range per {
			list = append(list, l.Table.Weights[l.column(k, g*per+o)])
		}
		for o := range per {
			if l.Table.LowBits > 0 {
				list = append(list, l.Table.Low[l.column(k, g*per+o)])
			}
		}
	}
	return list
}

// block is that of l for kernels, which take exact products for 0.
func (l *Linear) block() int {
	if l.Table.Exact() {
		return 0
	}
	return l.Block
}

// column is the column of the table that holds the products of tap k for output o.
func (l *Linear) column(k, o int) int {
	d := l.Table.D
	return int(l.Codes[k*(l.Outputs/d)+o/d])*d + o%d
}

// clone shares all but the memory that runs write to.
func (v *vectorLinear) clone() step {
	c := *v
	c.numbers = make([]int16, v.planes.Elems())
	c.scratch = make([]int16, v.level.LUTScratch())
	c.sums = make([]int32, v.batch*v.groups[0].Width()*v.pitch)
	return &c
}

func (v *vectorLinear) run(s *Session) {
	per := v.layer.Outputs / v.layer.Groups
	v.level.PlanesLUT(v.numbers, s.roomy(v.layer.In), v.planes, v.planes.Channels)
	size := len(v.sums) / v.batch
	for tiles := v.tiles; len(tiles) > 0; {
		n := min(v.batch, len(tiles))
		for g, w := range v.groups {
			for chunk := range w.Chunks() {
				for i := range tiles[:n] {
					v.level.SumLUT(v.sums[i*size:], v.numbers, tiles[i].runs, w, chunk, v.scratch)
				}
			}
			for i := range tiles[:n] {
				v.put(s, v.sums[i*size:], g*per, per, &tiles[i])
			}
		}
		tiles = tiles[n:]
	}
}

// put turns n rows of sums, of the outputs from first on at the places of t,
// into levels or scores.
func (v *vectorLinear) put(s *Session, sums []int32, first, n int, t *tile) {
	l, at := v.layer, first*v.places+t.first
	if l.Residual >= 0 {
		residual := s.roomy(l.Residual)[at:]
		v.level.AddLUT(sums, residual, v.places, t.n, n, &v.residual)
		if l.Table.LowBits > 0 {
			v.level.AddLUT(sums[n*v.pitch:], residual, v.places, t.n, n, &v.low)
		}
	}
	if l.Table.LowBits > 0 {
		v.level.CarryLUT(sums, t.n, l.BiasLow[first:][:n], l.Table.LowBits)
	}
	bias := l.Bias[first:][:n]
	if v.activation != nil {
		v.level.LevelsLUT(s.roomy(l.Out)[at:], v.places, sums, t.n, bias, v.activation)
		return
	}
	for i, b := range bias {
		for j, z := range sums[i*v.pitch:][:t.n] {
			s.scores[l.Out][at+i*v.places+j] = z + b
		}
	}
}
