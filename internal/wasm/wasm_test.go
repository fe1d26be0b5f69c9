package wasm

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"

	"lutra/internal/nomul"
)

// TestInstructions compares every instruction with what Go computes, for edges
// and random numbers.
func TestInstructions(t *testing.T) {
	var m Module
	f := m.Function(2)
	a, b := f.Parameter(0), f.Parameter(1)
	cases := []struct {
		code Code
		want func(x, y int32) int32
	}{
		{Add(a.Get(), b.Get(), Const(-7)), func(x, y int32) int32 { return x + y - 7 }},
		{Sub(a.Get(), b.Get()), func(x, y int32) int32 { return x - y }},
		{And(a.Get(), b.Get()), func(x, y int32) int32 { return x & y }},
		{ShiftLeft(a.Get(), 5), func(x, y int32) int32 { return x << 5 }},
		{ShiftRight(a.Get(), 3), func(x, y int32) int32 { return x >> 3 }},
		{ShiftRight(a.Get(), 0), func(x, y int32) int32 { return x }},
		{Extend16(a.Get()), func(x, y int32) int32 { return int32(int16(x)) }},
		{Less(a.Get(), b.Get()), func(x, y int32) int32 { return bit(x < y) }},
		{LessUnsigned(a.Get(), b.Get()), func(x, y int32) int32 { return bit(uint32(x) < uint32(y)) }},
		{Greater(a.Get(), b.Get()), func(x, y int32) int32 { return bit(x > y) }},
		{Select(a.Get(), b.Get(), Less(a.Get(), Const(100))), func(x, y int32) int32 {
			if x < 100 {
				return x
			}
			return y
		}},
		{Const(-1 << 31), func(x, y int32) int32 { return -1 << 31 }},
		{Const(1<<31 - 1), func(x, y int32) int32 { return 1<<31 - 1 }},
		{Const(64), func(x, y int32) int32 { return 64 }},
		{Const(-65), func(x, y int32) int32 { return -65 }},
		{Load8(Const(0), 3), func(x, y int32) int32 { return 0x84 }},
		{Load16(Const(2), 0), func(x, y int32) int32 { return 0x8483 }},
		{Load32(Const(0), 0), func(x, y int32) int32 { return -0x7b7c7d7f }},
	}
	m.Data(0, []byte{0x81, 0x82, 0x83, 0x84})
	for i, c := range cases {
		f.Append(Store32(Const(8), 4*i, c.code))
	}
	m.Memory(1)
	m.ExportFunction("f", f)
	run, read := started(t, &m)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		x, y := int32(rng.Uint32())>>rng.IntN(32), int32(rng.Uint32())>>rng.IntN(32)
		run("f", x, y)
		for i, c := range cases {
			if got, want := read(8+4*i), c.want(x, y); got != want {
				t.Fatalf("case %d of %d, %d: %d, want %d", i, x, y, got, want)
			}
		}
	}
}

func bit(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// TestControl runs loops, conditions, calls, the start function and constants.
func TestControl(t *testing.T) {
	var m Module
	start := m.Function(0)
	start.Append(Store32(Const(0), 0, Const(5)))
	m.Start(start)
	add := m.Function(1)
	add.Append(Store32(Const(0), 0, Add(Load32(Const(0), 0), add.Parameter(0).Get())))
	f := m.Function(1)
	i, j, n := f.Local(), f.Local(), f.Parameter(0)
	f.Append(
		Repeat(i, 3, Repeat(j, 1, Call(add, Const(100))), Repeat(j, 2, Call(add, Const(1000)))),
		Until(n.Get(), If(Less(n.Get(), Const(3)), Call(add, n.Get()), Store8(Const(4), 0, n.Get())), n.Add(-1)),
		If(n.Get(), Call(add, Const(1)), nil))
	m.ExportFunction("f", f)
	m.ExportConstant("answer", 42)
	if got := m.Memory(70_000); got != 128<<10 {
		t.Errorf("%d bytes of memory", got)
	}
	run, read := started(t, &m)
	run("f", 9)
	if got := read(0); got != 5+3*100+6*1000+2+1 {
		t.Errorf("sum %d", got)
	}
	if got := read(4); got != 3 {
		t.Errorf("byte %d", got)
	}
}

// started instantiates m, which has to pass nomul.
func started(t *testing.T, m *Module) (run func(string, ...int32), read func(int) int32) {
	t.Helper()
	if found, err := nomul.Check(nomul.Object{Name: "m", Data: m.Bytes()}); err != nil || len(found) > 0 {
		t.Fatal(found, err)
	}
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	t.Cleanup(func() { r.Close(ctx) })
	in, err := r.Instantiate(ctx, m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if g := in.ExportedGlobal("answer"); g != nil && g.Get() != 42 {
		t.Errorf("global %d", g.Get())
	}
	run = func(name string, arguments ...int32) {
		var a []uint64
		for _, v := range arguments {
			a = append(a, uint64(uint32(v)))
		}
		if _, err := in.ExportedFunction(name).Call(ctx, a...); err != nil {
			t.Fatal(err)
		}
	}
	return run, func(at int) int32 {
		v, _ := in.Memory().ReadUint32Le(uint32(at))
		return int32(v)
	}
}
