package graph

import (
	"testing"

	"lutra/internal/tensor"
)

// BenchmarkEval times the definitions that run in place of kernels.
func BenchmarkEval(b *testing.B) {
	x := iota32(1, 64, 56, 56)
	for _, c := range []application{
		{name: "same shape", op: "Add", in: args(x, x)},
		{name: "scalar", op: "Mul", in: args(x, scalar(f32(2)))},
		{name: "per channel", op: "Mul", in: args(x, iota32(64, 1, 1))},
		{name: "last axis", op: "Add", in: args(x, iota32(56))},
		{op: "Relu", in: args(x)},
		{op: "Clip", in: args(x, scalar(f32(0)), scalar(f32(6)))},
		{op: "Sigmoid", in: args(x)},
		{op: "Where", in: args(castTo(x, tensor.Bool), x, x)},
		{name: "space", op: "ReduceMean", attrs: []Attr{IntsAttr("axes", 2, 3)}, in: args(x)},
		{name: "channels", op: "ReduceMean", attrs: []Attr{IntsAttr("axes", 1)}, in: args(x)},
		{name: "to NHWC", op: "Transpose", attrs: []Attr{IntsAttr("perm", 0, 2, 3, 1)}, in: args(x)},
		{name: "shuffle", op: "Transpose", attrs: []Attr{IntsAttr("perm", 0, 2, 1, 3)}, in: args(x)},
		{name: "channels", op: "Concat", attrs: []Attr{IntAttr("axis", 1)}, in: args(x, x)},
		{name: "space", op: "Pad", in: args(x, vector(0, 0, 1, 1, 0, 0, 1, 1))},
		{name: "reflect", op: "Pad", attrs: []Attr{StringAttr("mode", "reflect")}, in: args(x, vector(0, 0, 1, 1, 0, 0, 1, 1))},
		{name: "space", op: "Slice", in: args(x, vector(0, 0), vector(56, 56), vector(2, 3), vector(2, 2))},
		{name: "half", op: "Cast", attrs: []Attr{IntAttr("to", int64(tensor.Float32))}, in: args(castTo(x, tensor.Float16))},
	} {
		b.Run(c.op+"/"+c.name, func(b *testing.B) {
			row, _ := Lookup("", c.op, 17)
			call := &Call{Node: &Node{Op: c.op, Attrs: c.attrs, Outputs: []string{"y"}}, Opset: 17, Value: c.in}
			for _, v := range c.in {
				call.In = append(call.In, Type{v.DType, v.Shape})
			}
			types, err := row.Infer(call)
			if err != nil {
				b.Fatal(err)
			}
			out := args(tensor.New(types[0].DType, types[0].Shape...))
			b.SetBytes(int64(len(out[0].Bytes())))
			for b.Loop() {
				if err := row.Eval(call, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
