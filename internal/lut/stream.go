package lut

import (
	"fmt"
	"slices"

	"lutra/internal/safe"
)

// Stream is a network through which rows pass: time is the vertical axis of
// its input.
type Stream struct {
	// Network computes one answer: the network without padding in time, on as
	// many rows as its first layer that sees all of time then needs.
	Network *Network
	// Head is the number of that layer.
	Head int
	// Hop is the number of rows from one answer to the next: the product of
	// the strides in time.
	Hop int
}

// Stream makes a stream of n. Its layers must follow one another, from one
// input to one output: convolutions and pools that move along time, until one
// sees all rows of what it reads (a global pool, or a dense layer). Answer i of
// the stream is what Stream.Network makes of rows i*Hop and following: as
// layers pad with nothing in time, each row of each of them is computed once.
func (n *Network) Stream() (*Stream, error) {
	if err := n.checkStream(); err != nil {
		return nil, err
	}
	s := &Stream{Hop: 1, Network: &Network{Name: n.Name, Inputs: n.Inputs, Outputs: n.Outputs, Tensors: slices.Clone(n.Tensors), Layers: slices.Clone(n.Layers)}}
	for !n.seesAll(n.Layers[s.Head]) {
		s.Head++
	}
	for i := s.Head - 1; i >= 0; i-- {
		l, w := s.Network.moving(i)
		w.Top, w.Bottom = 0, 0
		rows := (s.Network.Tensors[l.Writes()].H-1)*w.StrideY + w.Rows()
		s.Network.Tensors[l.Reads()[0]].H = rows
		s.Hop *= w.StrideY
	}
	return s, nil
}

// Rows is the number of rows that a window spans.
func (w Window) Rows() int { return (w.KH-1)*w.DilationY + 1 }

// WindowOf is the window of l, nil for layers that have none.
func WindowOf(l Layer) *Window {
	switch l := l.(type) {
	case *Linear:
		return &l.Window
	case *MaxPool:
		return &l.Window
	case *AvgPool:
		return &l.Window
	}
	return nil
}

// moving replaces layer i by a copy, whose window the caller may change.
func (n *Network) moving(i int) (Layer, *Window) {
	switch l := n.Layers[i].(type) {
	case *Linear:
		c := *l
		n.Layers[i] = &c
	case *MaxPool:
		c := *l
		n.Layers[i] = &c
	case *AvgPool:
		c := *l
		n.Layers[i] = &c
	}
	return n.Layers[i], WindowOf(n.Layers[i])
}

// seesAll reports whether l reads all rows at once.
func (n *Network) seesAll(l Layer) bool {
	w := WindowOf(l)
	return w.Rows() == n.Tensors[l.Reads()[0]].H && n.Tensors[l.Writes()].H == 1 && w.Top+w.Bottom == 0
}

// checkStream refuses networks that are no streams.
func (n *Network) checkStream() error {
	refuse := func(l Layer, why string) error {
		return &safe.FormatError{File: n.Name, Where: l.Label(), Field: "stream", Expected: "convolutions and pools one after the other, until one sees all of time", Found: why}
	}
	if len(n.Inputs) != 1 || len(n.Outputs) != 1 {
		return &safe.FormatError{File: n.Name, Field: "stream", Expected: "one input and one output", Found: fmt.Sprintf("%d and %d", len(n.Inputs), len(n.Outputs))}
	}
	before, all := n.Inputs[0].Tensor, false
	for _, l := range n.Layers {
		w := WindowOf(l)
		switch {
		case w == nil || len(l.Reads()) != 1:
			return refuse(l, "a sum or a join of layers")
		case l.Reads()[0] != before:
			return refuse(l, "a branch")
		case !all && w.StrideY > w.Rows():
			return refuse(l, "a stride beyond the window")
		}
		before, all = l.Writes(), all || n.seesAll(l)
	}
	if before != n.Outputs[0].Tensor || !all {
		return refuse(n.Layers[len(n.Layers)-1], "no layer that does")
	}
	return nil
}
