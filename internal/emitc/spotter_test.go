package emitc

import (
	"bytes"
	"encoding/binary"
	"flag"
	"path/filepath"
	"slices"
	"testing"

	"lutra/internal/audio"
	"lutra/internal/data"
	"lutra/internal/lut"
	"lutra/internal/onnx"
	"lutra/internal/realdata"
)

var (
	spotterFile    = flag.String("spotter", "", "network for TestSpotter: lutra train ds-cnn-fsdd --lut --weights 256 --data recordings")
	spotterSpeaker = flag.String("speaker", "yweweler", "whose recordings TestSpotter takes: the one that training did not hear")
	spotterLimit   = flag.Int("recordings", 500, "how many of them")
)

// TestSpotter: a trained network as C, from samples to words, hears on an
// emulated Cortex-M0 what the engine in Go hears.
func TestSpotter(t *testing.T) {
	if *spotterFile == "" {
		t.Skip("no -spotter")
	}
	n, o := trainedSpotter(t, *spotterFile)
	files, list := heldOut(t)
	program := listener(t, &cores[0], n, o)
	got := listen(t, program, list)
	right, s := 0, n.NewSession()
	for i, r := range list {
		want := hear(t, n, s, &o.Bytes[0], r)
		if len(got) < len(want) || !bytes.Equal(got[:len(want)], want) {
			t.Fatalf("%s: the emulated core differs from the engine", files[i])
		}
		if '0'+got[len(want)-1] == filepath.Base(files[i])[0] {
			right++
		}
		got = got[len(want):]
	}
	plugin := counter(t)
	clip := counted(t, plugin, program, []*audio.Recording{list[0], list[0]}) - counted(t, plugin, program, list[:1])
	t.Logf("%d of %d recordings of %s right on Cortex-M0, all as in Go; %.1f M instructions for each", right, len(list), *spotterSpeaker, float64(clip)/1e6)
}

// heldOut is the recordings of the speaker.
func heldOut(t *testing.T) (files []string, list []*audio.Recording) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(realdata.Path(t, "fsdd/recordings"), "*_"+*spotterSpeaker+"_*.wav"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings of %s: %v", *spotterSpeaker, err)
	}
	take := min(*spotterLimit, len(files))
	for i := range take {
		files[i] = files[i*len(files)/take]
		list = append(list, recording(t, files[i]))
	}
	return files[:take], list
}

// trainedSpotter reads a network on spectra, and what its input makes of bytes.
func trainedSpotter(t *testing.T, file string) (*lut.Network, Options) {
	t.Helper()
	g, err := onnx.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	n, err := lut.Build(g, lut.Options{Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	p, err := data.ParsePreprocess(file, []byte(g.Meta["lutra.preprocess"]))
	if err != nil {
		t.Fatal(err)
	}
	var b Bytes
	for i, v := range p.Table(0) {
		b[i] = n.Tensors[n.Inputs[0].Tensor].Quantiser.Index(v)
	}
	return n, Options{Bytes: []Bytes{b}, Rate: 8000}
}

// TestStreamingSpotter: the same network as a stream, which hears every
// recording between silence; its answer is that of the window in whose middle
// the recording is.
func TestStreamingSpotter(t *testing.T) {
	if *spotterFile == "" {
		t.Skip("no -spotter")
	}
	n, o := trainedSpotter(t, *spotterFile)
	o.Stream = true
	stream, err := n.Stream()
	if err != nil {
		t.Fatal(err)
	}
	rows := stream.Network.Tensors[0].H
	files, list := heldOut(t)
	for i, r := range list {
		list[i] = centred(r, rows)
	}
	program := listener(t, &cores[0], n, o)
	got := listen(t, program, list)
	right := 0
	for i, r := range list {
		var last []int32
		for _, want := range overhear(t, n, &o.Bytes[0], r) {
			b, _ := binary.Append(nil, binary.LittleEndian, want)
			if len(got) < len(b) || !bytes.Equal(got[:len(b)], b) {
				t.Fatalf("%s: the emulated core differs from the engine", files[i])
			}
			got, last = got[len(b):], want
		}
		if '0'+byte(slices.Index(last, slices.Max(last))) == filepath.Base(files[i])[0] {
			right++
		}
	}
	plugin := counter(t)
	longer := &audio.Recording{Rate: 8000, Samples: append(slices.Clone(list[0].Samples), make([]int16, 100*128)...)}
	more := counted(t, plugin, program, []*audio.Recording{longer}) - counted(t, plugin, program, list[:1])
	t.Logf("%d of %d recordings of %s right on Cortex-M0, all as in Go; %.3f M instructions for an answer, every %d ms",
		right, len(list), *spotterSpeaker, float64(more)/1e6/float64(100/stream.Hop), 16*stream.Hop)
}

// centred is a recording in the middle of the last window that a stream of so
// many rows sees.
func centred(r *audio.Recording, rows int) *audio.Recording {
	const hop = 128
	frames := len(r.Samples)/hop + 1
	before := max(rows-frames/2, 0)
	after := max(rows/2-(frames+1)/2, 0) + audio.Delay
	total := (before + frames + after + 1) &^ 1 // answers come every second row
	s := make([]int16, total*hop)
	copy(s[before*hop:], r.Samples)
	return &audio.Recording{Rate: r.Rate, Samples: s}
}
