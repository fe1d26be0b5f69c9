package emitc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lutra/internal/audio"
	"lutra/internal/lut"
)

// chain is a random network that time passes through, down the rows of its
// input; sound has the shape of spectra.
func chain(seed uint64, sound bool) *lut.Network {
	rng := rand.New(rand.NewPCG(seed, 8))
	d := newDrawing(seed, 1+rng.IntN(3), 30+rng.IntN(20), 1+rng.IntN(8))
	if sound {
		d = newDrawing(seed, 1, audio.Frames, audio.Bands)
	}
	size := 1 + rng.IntN(2)
	words := []int{7, 64, 200, 256}[rng.IntN(4)]
	x := 0
	for range 1 + rng.IntN(4) {
		t := d.Tensors[x]
		w := lut.Window{KH: 1 + rng.IntN(4), KW: 1 + rng.IntN(min(3, t.W)), StrideX: 1 + rng.IntN(2), DilationX: 1, StrideY: 1, DilationY: 1}
		w.Top, w.Bottom, w.Left, w.Right = rng.IntN(w.KH), rng.IntN(w.KH), rng.IntN(w.KW), rng.IntN(w.KW)
		if w.KH > 1 {
			w.StrideY, w.DilationY = 1+rng.IntN(2), 1+rng.IntN(2)
		}
		if (t.H+w.Top+w.Bottom-w.Rows())/w.StrideY < 3 {
			break
		}
		switch rng.IntN(5) {
		case 0:
			x = d.linear(x, t.C, min(words, 256), 1, w, t.C, -1, false)
		case 1:
			x = d.linear(x, t.C, min(words, 256), 1, window(3, 1), t.C, -1, false)
		case 2:
			w.Top, w.Bottom, w.Left, w.Right, w.DilationY = 0, 0, 0, 0, 1
			x = d.pool(x, w, rng.IntN(2) == 0)
		default:
			x = d.linear(x, size*(1+rng.IntN(9)), words, size, w, 1, -1, false)
		}
	}
	if rng.IntN(2) == 0 {
		t := d.Tensors[x]
		x = d.pool(x, lut.Window{KH: t.H, KW: t.W, StrideY: 1 + rng.IntN(3), StrideX: 1, DilationY: 1, DilationX: 1}, rng.IntN(2) == 0)
	} else {
		x = d.dense(x, size*4, words, size, false)
	}
	return d.output(d.dense(x, size*(1+rng.IntN(9)), words, size, true))
}

func streamOptions(n *lut.Network) Options {
	o := Options{Name: "net", Bytes: someBytes(n), Stream: true}
	if in := n.Tensors[0]; in.C == 1 && in.H == audio.Frames {
		o.Rate = 8000
	}
	return o
}

// TestStream compares the answers of streams with those of the engine in Go to
// the network without padding in time, by the self-test, on the host under the
// sanitizers and on emulated cores.
func TestStream(t *testing.T) {
	for seed := range uint64(16) {
		n := chain(seed, seed%4 == 0)
		lib, err := Emit(n, streamOptions(n))
		if err != nil {
			t.Fatal(err)
		}
		c := []*core{nil, &cores[0], nil, &cores[3]}[seed/4]
		name := "host"
		if c != nil {
			name = c.name
		}
		t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			save(t, dir, lib)
			program := c.selfTest(t, dir)
			run(t, dir, program[0], program[1:]...)
		})
	}
}

// selfTest compiles a program that runs the self-test of the library in dir.
func (c *core) selfTest(t testing.TB, dir string) []string {
	t.Helper()
	command, source, emulator := "gcc -std=c99 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all "+warnings, host, ""
	if c != nil {
		command, source, emulator = c.compiler+" -std=gnu99 -O2 -ffreestanding -nostdlib -static "+Flags, start[c.start], c.emulator
	}
	save(t, dir, &Library{Files: map[string][]byte{"main.c": []byte(source)}})
	args := strings.Fields(command + " -o program main.c")
	run(t, dir, args[0], append(args[1:], sources...)...)
	return append(strings.Fields(emulator), filepath.Join(dir, "program"))
}

// TestStreamRefusal: networks that are no streams are refused by layer.
func TestStreamRefusal(t *testing.T) {
	whole := newDrawing(1, 2, 9, 4)
	whole.output(whole.linear(0, 4, 16, 1, window(3, 1), 1, -1, false))
	branch := newDrawing(1, 2, 9, 4)
	x := branch.linear(0, 2, 16, 1, window(3, 1), 1, -1, false)
	branch.output(branch.dense(branch.sum(x, branch.linear(x, 2, 16, 1, window(1, 1), 1, -1, false)), 3, 16, 1, true))
	far := newDrawing(1, 2, 9, 4)
	far.output(far.dense(far.linear(0, 2, 16, 1, window(1, 2), 1, -1, false), 3, 16, 1, true))
	for want, d := range map[string]*drawing{"linear0: stream: expected convolutions": whole, "sum2: stream": branch, "a stride beyond the window": far} {
		if _, err := Emit(d.Network, Options{Name: "net", Stream: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// overhear is the scores of all answers of the stream of n to a sound.
func overhear(t testing.TB, n *lut.Network, table *Bytes, r *audio.Recording) [][]int32 {
	t.Helper()
	stream, err := n.Stream()
	if err != nil {
		t.Fatal(err)
	}
	ear, err := audio.NewStream(r.Rate)
	if err != nil {
		t.Fatal(err)
	}
	var levels []uint8
	for samples := r.Samples; len(samples) >= ear.Hop(); samples = samples[ear.Hop():] {
		for _, v := range ear.Push(samples) {
			levels = append(levels, table[v])
		}
	}
	v := stream.Network
	s := v.NewSession()
	window := s.Levels(v.Inputs[0].Tensor)
	var answers [][]int32
	for ; len(levels) >= len(window); levels = levels[min(stream.Hop*audio.Bands, len(levels)):] {
		copy(window, levels)
		s.Run()
		answers = append(answers, slices.Clone(s.Scores(v.Outputs[0].Tensor)))
	}
	return answers
}

// TestHear compares the answers to streams of sound with the engine in Go.
func TestHear(t *testing.T) {
	n := chain(4, true)
	o := streamOptions(n)
	rng := rand.New(rand.NewPCG(1, 6))
	r := &audio.Recording{Rate: o.Rate}
	for i := range 140 * 128 { // noise that comes and goes, and silence
		loud := []int{1, 30, 3000, 30000, 0, 500}[i/3000]
		r.Samples = append(r.Samples, int16(rng.IntN(2*loud+1)-loud))
	}
	list := append([]*audio.Recording{r}, spoken(t, 5)...)
	for name, c := range map[string]*core{"host": nil, "M0": &cores[0], "RV32I": &cores[3]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := listen(t, listener(t, c, n, o), list)
			for i, r := range list {
				for j, want := range overhear(t, n, &o.Bytes[0], r) {
					b, _ := binary.Append(nil, binary.LittleEndian, want)
					if len(got) < len(b) || !bytes.Equal(got[:len(b)], b) {
						t.Fatalf("sound %d, answer %d differs", i, j)
					}
					got = got[len(b):]
				}
			}
			if len(got) != 0 {
				t.Errorf("%d bytes too many", len(got))
			}
		})
	}
}

// TestStreamBudget counts the instructions of a DS-CNN on sound, with 256
// pairs, at -O2: for a window of 1.04 s, and for an answer of its stream, every
// 32 ms. An increase above 3 % fails.
func TestStreamBudget(t *testing.T) {
	plugin, n := counter(t), keywords(audio.Frames, audio.Bands, forms["256"])
	budgets := [][2]float64{{32.802, 1.119}, {24.936, 0.836}, {24.920, 0.836}, {31.653, 1.071}}
	long := &audio.Recording{Rate: 8000, Samples: make([]int16, 120*128)}
	for i := range long.Samples {
		long.Samples[i] = int16(i * i)
	}
	short := &audio.Recording{Rate: 8000, Samples: long.Samples[:100*128]}
	for i, c := range cores {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := Options{Bytes: someBytes(n), Rate: 8000}
			program := listener(t, &c, n, o)
			window := counted(t, plugin, program, []*audio.Recording{short, short}) - counted(t, plugin, program, []*audio.Recording{short})
			o.Stream = true
			program = listener(t, &c, n, o)
			answers := counted(t, plugin, program, []*audio.Recording{long}) - counted(t, plugin, program, []*audio.Recording{short})
			for j, got := range []float64{float64(window) / 1e6, float64(answers) / 1e6 / 10} {
				want := budgets[i][j]
				t.Logf("%s, %s: %.3f M instructions, budget %.3f", c.name, []string{"window", "answer"}[j], got, want)
				if got > 1.03*want {
					t.Errorf("%.3f M instructions, budget %.3f", got, want)
				}
			}
		})
	}
}
