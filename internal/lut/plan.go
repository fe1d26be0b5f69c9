package lut

import (
	"fmt"

	"lutra/internal/kernel"
)

// StepInfo says how a layer runs.
type StepInfo struct {
	Layer  string `json:"layer"`
	Op     string `json:"op"`     // "conv 3x3", "dense", "max pool 2x2", ...
	Engine string `json:"engine"` // "scalar", or the instruction set
	Shape  string `json:"shape"`  // of the result: channels x height x width
	MACs   int64  `json:"macs"`   // products, looked up
	Table  int    `json:"table_bytes,omitempty"`
	Shift  uint   `json:"shift"`
	Block  int    `json:"block,omitempty"` // taps that are summed in 16 bits
}

// Steps describes how p runs, layer by layer.
func (p *Program) Steps() []StepInfo {
	list := make([]StepInfo, len(p.steps))
	for i, l := range p.net.Layers {
		t := &p.net.Tensors[l.Writes()]
		s := &list[i]
		*s = StepInfo{Layer: l.Label(), Op: p.net.operation(l), Engine: "scalar", Shape: fmt.Sprintf("%dx%dx%d", t.C, t.H, t.W)}
		if l, ok := l.(*Linear); ok {
			s.MACs = int64(l.K) * int64(t.Elems())
			s.Table, s.Shift, s.Block = l.Table.Bytes(), l.Activation.Shift, l.Block
		}
		switch v := p.steps[i].(type) {
		case *vectorLinear:
			s.Engine = v.layer.kernels(v.level).String()
		case *vectorDense:
			s.Engine = v.layer.kernels(v.level).String()
		case *vectorDepthwise:
			s.Engine = v.layer.kernels(v.level).String()
		case *vectorMax:
			s.Engine = p.level.String()
		}
	}
	return list
}

// kernels is the level whose kernels l takes.
func (l *Linear) kernels(level kernel.Level) kernel.Level {
	if l.Table.Exact() {
		return level.ExactLUTKernels()
	}
	return level.LUTKernels()
}

// operation names what l computes.
func (n *Network) operation(l Layer) string {
	switch l := l.(type) {
	case *Linear:
		in := &n.Tensors[l.In]
		name := fmt.Sprintf("conv %dx%d", l.Window.KH, l.Window.KW)
		switch {
		case l.Window.KH == in.H && l.Window.KW == in.W && n.Tensors[l.Out].H*n.Tensors[l.Out].W == 1:
			name = "dense"
		case l.Groups > 1 && l.Groups == in.C:
			name = "depthwise" + name[len("conv"):]
		}
		if l.Table.D > 1 {
			name += " pairs"
		}
		if l.Residual >= 0 {
			name += " + add"
		}
		return name
	case *MaxPool:
		return fmt.Sprintf("max pool %dx%d", l.Window.KH, l.Window.KW)
	case *AvgPool:
		return fmt.Sprintf("average pool %dx%d", l.Window.KH, l.Window.KW)
	case *Sum:
		return "add"
	case *Gather:
		return "move"
	}
	return "concat"
}
