package kernel

// SumsArgs describes one output of a convolution whose blocks of inputs are
// added up before they are multiplied, wherever they share a codeword (the
// grouped channel sums of M. Kersner's second post on codebooks, 28 November
// 2019). The result is that of TileI8Args: the sum over groups g, blocks b of
// g and components j of
//
//	Words[g][j] * In[b + Offs[j] + y*Pitch + x]
//
// for pixel (y, x), then its epilogue.
type SumsArgs struct {
	In    []uint8
	Span  int       // bytes of a block
	Words [][]int8  // per group
	Group [][]int32 // per group: where its blocks start
	Offs  []int32   // per component, within a block

	Width, Height, Pitch int
	Scale, Bias          float32
	Min, Max             float32
	Residual             []uint8 // pixel (y, x) is element y*ResidualRow + x*ResidualStep; nil: none
	ResidualQ            Affine
	ResidualRow          int
	ResidualStep         int
	Out                  []uint8 // the same with OutRow and OutStep
	OutRow, OutStep      int
	OutScale             float32 // 1/scale of Out
	OutZero              uint8
	Room                 []int32 // written: Span + Height*Pitch numbers
}

// Sums computes a. It runs as plain Go on every level.
func (l Level) Sums(a *SumsArgs) {
	if a.Width < 1 || a.Height < 1 || a.Pitch < a.Width || a.Span < 0 || len(a.Words) != len(a.Group) {
		panic("kernel: sums: size out of range")
	}
	need(a.Room, a.Span+a.Height*a.Pitch)
	positions := (a.Height-1)*a.Pitch + a.Width
	sums, block := a.Room[a.Span:][:positions], a.Room[:a.Span]
	clear(sums)
	for g, word := range a.Words {
		clear(block)
		for _, at := range a.Group[g] {
			for i, x := range a.In[at:][:a.Span] {
				block[i] += int32(x)
			}
		}
		for j, w := range word {
			if w == 0 {
				continue
			}
			for p, x := range block[a.Offs[j]:][:positions] {
				sums[p] += int32(w) * x
			}
		}
	}
	a.finish(sums)
}

// finish is the epilogue.
func (a *SumsArgs) finish(sums []int32) {
	e := epilogue8{
		n: 1, scale: []float32{a.Scale}, bias: []float32{a.Bias}, min: a.Min, max: a.Max,
		outScale: a.OutScale, outZero: a.OutZero, residualQ: a.ResidualQ,
	}
	for y := range a.Height {
		for x := range a.Width {
			e.out = a.Out[y*a.OutRow+x*a.OutStep:][:1]
			if a.Residual != nil {
				e.residual = a.Residual[y*a.ResidualRow+x*a.ResidualStep:][:1]
			}
			e.row(0, 0, &[cols8]int32{sums[y*a.Pitch+x]})
		}
	}
}
