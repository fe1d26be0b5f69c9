package lut

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lutra/internal/graph"
)

// TestStreamRows: rows of a network that no padding in time reaches are rows
// of its stream, for every place of its input in that of the stream.
func TestStreamRows(t *testing.T) {
	s := newSketch(3, 2, 24, 7)
	x := s.quantise("x", graph.Quantiser{Levels: 32, High: 1})
	for i, stride := range []int{2, 1} {
		c := s.conv(x, s.book(64, 1), 1, 4+2*i, 3, stride, 1, 1, 1)
		x = s.quantise(c, s.bounds(x, 9*s.shapes[x][1], 32, 0))
	}
	n := s.network(t, Options{}, s.dense(x, s.book(64, 1), 1, 5))
	stream, err := n.Stream()
	if err != nil {
		t.Fatal(err)
	}
	// Two windows of 3, the first of stride 2, in front of 12 rows: 14, then 29.
	v := stream.Network
	if in := v.Tensors[v.Inputs[0].Tensor]; in.H != 29 || stream.Hop != 2 {
		t.Fatalf("%d rows at a hop of %d, want 29 and 2", in.H, stream.Hop)
	}
	if n.Tensors[n.Inputs[0].Tensor].H != 24 || n.Layers[0].(*Linear).Window.Top != 1 {
		t.Fatal("the network has changed")
	}
	const before = 1 + 2 // rows of padding above the first row of the last convolution
	last := n.Layers[1].Writes()
	whole, part := v.NewSession(), n.NewSession()
	rng := rand.New(rand.NewPCG(5, 5))
	for i := range whole.Levels(0) {
		whole.Levels(0)[i] = uint8(rng.IntN(32))
	}
	whole.Run()
	compared := 0
	for offset := 1; offset+24 <= 29; offset += 2 {
		copyRows(part.Levels(0), whole.Levels(0), 2, 24, 29, offset, 7)
		part.Run()
		for y := 2; y <= 10; y++ {
			j := y + (offset-before)/2
			for c := range 6 {
				got, want := row(v, whole, last, c, j), row(n, part, last, c, y)
				if !slices.Equal(got, want) {
					t.Fatalf("input at %d: row %d is %v, in the stream row %d is %v", offset, y, want, j, got)
				}
				compared++
			}
		}
	}
	if compared != 3*9*6 {
		t.Errorf("%d rows compared", compared)
	}
}

// copyRows copies rows of planes of two heights.
func copyRows(dst, src []uint8, channels, rows, height, first, width int) {
	for c := range channels {
		copy(dst[c*rows*width:][:rows*width], src[(c*height+first)*width:])
	}
}

func row(n *Network, s *Session, tensor, c, y int) []uint8 {
	x := &n.Tensors[tensor]
	return s.Levels(tensor)[(c*x.H+y)*x.W:][:x.W]
}

func TestStreamRefusal(t *testing.T) {
	s := newSketch(3, 2, 9, 7)
	x := s.quantise("x", graph.Quantiser{Levels: 32, High: 1})
	y := s.quantise(s.conv(x, s.book(64, 1), 1, 2, 3, 1, 1, 1, 1), graph.Quantiser{Levels: 32, High: 1})
	n := s.network(t, Options{}, y)
	if _, err := n.Stream(); err == nil || !strings.Contains(err.Error(), "until one sees all of time") {
		t.Error(err)
	}
}
