package engine

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"lutra/internal/onnx"
	"lutra/internal/tensor"
)

func TestFirst(t *testing.T) {
	path := os.Getenv("LUTRA_MODEL")
	if path == "" {
		t.Skip("no model")
	}
	g, err := onnx.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Compile(g, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	in := g.Inputs[0]
	shape := tensor.Shape{}
	for _, d := range in.Dims {
		shape = append(shape, max(d.Size, 1))
	}
	p, err := m.Plan(map[string]tensor.Shape{in.Name: shape}, nil)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(p)
	x := tensor.New(tensor.Float32, shape...)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(i%255)/255 - 0.5
	}
	s := m.NewSession()
	s.Timed(true)
	best := time.Hour
	for range 20 {
		start := time.Now()
		out, err := s.Run(context.Background(), p, map[string]*tensor.Tensor{in.Name: x})
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < best {
			best = d
			for _, o := range out {
				fmt.Println(d, o.Shape, o.Float32s()[:5])
			}
			for i, d := range s.Profile() {
				fmt.Println(p.steps[i].info.Nodes, p.steps[i].info.Kernel, d, float64(p.steps[i].info.MACs)/float64(d.Nanoseconds()), "GMAC/s")
			}
		}
	}
}
