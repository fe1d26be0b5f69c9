// Package lut runs networks without multiplication and without floating point
// (Baluja, Marwood, Covell and Johnston, No Multiplication? No Floating Point?
// No Problem!, 2018): every activation is the index of a level, every weight
// the index of a codeword, every product a number looked up in a table. (With
// AVX2 an instruction makes these numbers faster than it can look them up.)
//
// Build makes a Network of an ONNX graph whose activations go through
// lutra.TanhD, ReluD or ClipD and whose weights are lutra.Codebook. docs/lut.md
// specifies all rounding: the engines of this package and the C that lutra
// emits compute the same integers.
package lut

import "lutra/internal/graph"

// Network is an integer network: a value, computed once, that engines execute
// and generators print. One sample passes at a time; tensors have no batch.
type Network struct {
	Name    string
	Inputs  []Input
	Tensors []Tensor // all values between layers
	Layers  []Layer  // in order of execution
	Outputs []Output
}

// Input is a graph input, and how its numbers become levels.
type Input struct {
	Name   string // of the graph input
	Tensor int    // its levels; the Quantiser of that tensor makes them
}

// Output is a graph output.
type Output struct {
	Name   string
	Tensor int
	Shape  []int // of one sample in the graph, without the batch
}

// Tensor is a value [C, H, W] of level indices, one byte each, or of int32
// scores; vectors have H = W = 1. Levels of channel c, row y, column x lie at
// (c*H+y)*W+x.
type Tensor struct {
	Name      string
	C, H, W   int
	Quantiser graph.Quantiser // index i stands for Quantiser.Value(i); Levels is 0 for scores
	Unit      float64         // a score s stands for s*Unit
}

// Elems is the number of elements of t.
func (t *Tensor) Elems() int { return t.C * t.H * t.W }

// Scores reports whether t holds int32 scores instead of level indices.
func (t *Tensor) Scores() bool { return t.Quantiser.Levels == 0 }

// Layer is a *Linear, *MaxPool, *Sum, *AvgPool, *Concat or *Gather.
type Layer interface {
	// Label is the name of the layer: that of the graph node it was made of.
	Label() string
	// Reads lists the tensors that the layer reads, Writes is the one it writes.
	Reads() []int
	Writes() int
}

// Window is the geometry of a convolution or a pooling: output (y, x) reads,
// through tap (i, j), input (y*StrideY + i*DilationY - Top, x*StrideX + j*DilationX - Left).
type Window struct {
	KH, KW                   int
	StrideY, StrideX         int
	DilationY, DilationX     int
	Top, Left, Bottom, Right int // padding
}

// Linear is a convolution or a matrix product: a kernel as large as its input
// makes it dense, Groups = C makes it depthwise.
//
//	z[o, y, x] = Bias[o] + sum over k of Table[a(k, y, x)][Codes[k, o]] + ResidualTable[r[o, y, x]]
//
// with k = (c*KH + i)*KW + j over the C/Groups channels of the group of o, and
// a the input's level index through that tap, Pad outside. Activation makes the
// output of z. With a Table of pairs, Codes[k, o/2] serves outputs o and o+1. If
// products are exact, z is the sum of all these numbers with LowBits more bits,
// of 64 bits in all, shifted down by LowBits: those of Bias and ResidualTable are
// in BiasLow and ResidualLow.
type Linear struct {
	Name          string
	In, Out       int
	Residual      int     // tensor of the same shape as the output; -1: none
	ResidualTable []int32 // per level of the residual
	Window        Window
	Groups        int
	K             int // taps of one output: C/Groups * KH * KW
	Outputs       int
	Table         *Table
	Codes         []uint16 // [K][Outputs/Table.D]
	Pad           int      // level index of padding: that of the number 0, or row Levels of the table
	Bias          []int32  // per output, rounding included
	BiasLow       []int32  // per output, LowBits more bits; nil unless products are exact
	ResidualLow   []int32  // those of ResidualTable
	// Block is a number of taps, at least 1: products of Block consecutive taps,
	// beginning at multiples of Block, have sums that fit 16 bits, whatever the
	// input. It is K if all sums do, or products are exact. Sums of everything
	// fit 32 bits.
	Block      int
	Activation Activation
}

// Table is products: entry (a*Words + w)*D + t is level a times component t
// of codeword w, scaled and rounded. One row more, of zeros, stands for padding.
// The others are products of 16 bits that are rounded to 16 bits,
//
//	(level*weight + 2^14) >> 15, of level First + a*Step and weight Weights[w*D + t]
//
// or exact, and have no entries: if Low is not nil a product is
//
//	level * (weight*2^LowBits + Low[w])
type Table struct {
	Codebook string // name of the graph's initializer
	Levels   int    // rows, without the last
	Words    int
	D        int     // 1, or 2: each code gives the products of two adjacent outputs
	Entries  []int16 // [Levels+1][Words][D]; nil if products are exact
	Weights  []int16 // [Words][D], none is -32768
	Low      []int16 // [Words], of exact products: magnitudes are at most 2^(LowBits-1)
	LowBits  uint
	First    int16
	Step     int16
}

// Exact reports whether products are not rounded. D is 1 then.
func (t *Table) Exact() bool { return t.Low != nil }

// product is the exact product of level a and weight w.
func (t *Table) product(a, w int) int64 {
	level := int64(t.First) + int64(a)*int64(t.Step)
	return level * (int64(t.Weights[w])<<t.LowBits + int64(t.Low[w]))
}

// Bytes is the memory that the products of t take.
func (t *Table) Bytes() int {
	if t.Exact() {
		return 8 * (t.Levels + 1) * t.Words
	}
	return 2 * len(t.Entries)
}

// Activation turns a sum z into a level index: bin = min(max(z>>Shift, 0),
// Bins-1), then Map[bin], or bin itself if Map is nil. The shift is arithmetic.
// Bins is 0 if the sums themselves are the result: scores.
//
// If Ends are not nil, the level is the number of them that the sum has reached;
// they and the sum have all lower bits.
type Activation struct {
	Shift uint
	Bins  int
	Map   []uint8 // len Bins
	Ends  []int64 // ascending
}

// MaxPool is the highest level of every window; padding counts as level 0.
type MaxPool struct {
	Name    string
	In, Out int
	Window  Window
}

// AvgPool adds Table[level] over every window of a channel, and Bias. Padding
// is index Pad.
type AvgPool struct {
	Name       string
	In, Out    int
	Window     Window
	Table      []int32 // per level of the input, and 0 for padding
	Low        []int32 // LowBits more bits of these, as in Linear
	Pad        int
	Bias       int32
	BiasLow    int32
	LowBits    uint
	Activation Activation
}

// Sum is an addition element by element: Bias + sum of Tables[i][level of In[i]].
type Sum struct {
	Name       string
	In         []int
	Out        int
	Tables     [][]int32 // per operand and level
	Low        [][]int32 // LowBits more bits of these, as in Linear
	Bias       int32
	BiasLow    int32
	LowBits    uint
	Activation Activation
}

// Concat joins tensors along the channels. Maps[i] translates the levels of
// operand i into those of the result; nil leaves them. With one operand it is
// a quantiser behind another.
type Concat struct {
	Name string
	In   []int
	Out  int
	Maps [][]uint8
}

// Gather moves elements, levels or scores: element i of the result is element
// From[i] of the input, or level Fill where From[i] is -1.
type Gather struct {
	Name    string
	In, Out int
	From    []int32
	Fill    uint8
}

// The methods of Layer.

func (l *Linear) Label() string  { return l.Name }
func (l *MaxPool) Label() string { return l.Name }
func (l *AvgPool) Label() string { return l.Name }
func (l *Sum) Label() string     { return l.Name }
func (l *Concat) Label() string  { return l.Name }
func (l *Gather) Label() string  { return l.Name }

func (l *Linear) Writes() int  { return l.Out }
func (l *MaxPool) Writes() int { return l.Out }
func (l *AvgPool) Writes() int { return l.Out }
func (l *Sum) Writes() int     { return l.Out }
func (l *Concat) Writes() int  { return l.Out }
func (l *Gather) Writes() int  { return l.Out }

func (l *MaxPool) Reads() []int { return []int{l.In} }
func (l *AvgPool) Reads() []int { return []int{l.In} }
func (l *Sum) Reads() []int     { return l.In }
func (l *Concat) Reads() []int  { return l.In }
func (l *Gather) Reads() []int  { return []int{l.In} }

func (l *Linear) Reads() []int {
	if l.Residual < 0 {
		return []int{l.In}
	}
	return []int{l.In, l.Residual}
}

// Index applies a, which has no Ends, to the sum z; it is its definition.
func (a *Activation) Index(z int32) uint8 {
	bin := min(max(int(z>>a.Shift), 0), a.Bins-1)
	if a.Map == nil {
		return uint8(bin)
	}
	return a.Map[bin]
}

// level applies a to a sum with so many lower bits.
func (a *Activation) level(sum int64, bits uint) uint8 {
	if a.Ends == nil {
		return a.Index(int32(sum >> (bits & 63)))
	}
	low, high := 0, len(a.Ends)
	for low < high {
		if middle := (low + high) >> 1; sum >= a.Ends[middle] {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return uint8(low)
}

// Tables lists the distinct tables of products, in order of first use.
func (n *Network) Tables() []*Table {
	var list []*Table
	seen := map[*Table]bool{}
	for _, l := range n.Layers {
		if l, ok := l.(*Linear); ok && !seen[l.Table] {
			seen[l.Table] = true
			list = append(list, l.Table)
		}
	}
	return list
}

// Lookups is the number of table lookups for one sample: products, or pairs of
// products, of l.
func (l *Linear) Lookups(n *Network) int {
	t := &n.Tensors[l.Out]
	return l.K * l.Outputs / l.Table.D * t.H * t.W
}
