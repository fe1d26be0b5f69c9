package emitc

import (
	"fmt"
	"strings"

	"lutra/internal/audio"
	"lutra/internal/lut"
)

// stages are the layers of a stream. Each reads a window of rows, of which the
// layer before, or the caller, makes the last.
type stages struct {
	stream *lut.Stream
	step   *lut.Network // of the layers for one place in time; tensors in pairs: window, result
	mean   *lut.AvgPool // the layer that sees all of time, if that is a mean: rows become sums
	rows   int          // of that mean
	bytes  int          // of the arena
	totals int          // where the sums of the mean begin
	ear    int          // of what a stream of sound remembers, and of its scratch
	z      int
}

// streamPage is what templates read about a stream.
type streamPage struct {
	Frames, Hop, Row, RowAt, OutAt     int
	Missing                            []int // rows before a stage's first result
	Totals, Sums                       int   // bytes of a mean's sums, where they begin
	Calls                              string
	Ear, Scratch, Held, Quiet, Samples int // of sound
	Mask                               int // levels of the self-test
	Answers                            int // of the self-test
	Sum, SoundSum                      string
}

// planStream places the windows of a stream in the arena.
func (g *generator) planStream() error {
	if !g.o.Stream {
		return nil
	}
	stream, err := g.net.Stream()
	if err != nil {
		return err
	}
	s := newStages(stream)
	s.place()
	if g.o.Rate != 0 {
		s.ear = s.bytes
		s.z = (s.ear + 2*(g.points()+1) + 2*(audio.Delay+1)*audio.Bands + 2 + 7) &^ 7
		s.bytes = s.z + 8*g.points()
	}
	g.stages, g.arena = s, max(g.arena, s.bytes)
	return nil
}

// newStages makes the layers of a step.
func newStages(stream *lut.Stream) *stages {
	v := stream.Network
	s := &stages{stream: stream, step: &lut.Network{Name: v.Name, Outputs: v.Outputs}}
	for i, l := range v.Layers {
		in, out, w := v.Tensors[l.Reads()[0]], v.Tensors[l.Writes()], lut.WindowOf(l)
		mean, ok := l.(*lut.AvgPool)
		switch {
		case i < stream.Head:
			in.H, out.H = w.Rows(), 1
		case i == stream.Head && ok && out.W == 1 && w.KH == in.H && w.KW == in.W && w.Left+w.Right == 0:
			s.mean, s.rows, in.H = mean, in.H, 1
		}
		s.step.Tensors = append(s.step.Tensors, in, out)
		s.step.Layers = append(s.step.Layers, placed(l, 2*i, 2*i+1))
	}
	return s
}

// placed is l from tensor in to tensor out.
func placed(l lut.Layer, in, out int) lut.Layer {
	switch l := l.(type) {
	case *lut.Linear:
		c := *l
		c.In, c.Out = in, out
		return &c
	case *lut.MaxPool:
		c := *l
		c.In, c.Out = in, out
		return &c
	case *lut.AvgPool:
		c := *l
		c.In, c.Out = in, out
		return &c
	}
	return l
}

// place lays windows one behind the other. Nothing of them may be shared: they
// outlive a step.
func (s *stages) place() {
	s.bytes = (2*len(s.step.Layers) + 7) &^ 7
	for i := range s.step.Tensors {
		if i%2 == 0 || i == len(s.step.Tensors)-1 {
			s.bytes += (tensorBytes(&s.step.Tensors[i]) + 7) &^ 7
		}
	}
	s.totals = s.bytes
	s.bytes += s.meanBytes()
}

// meanBytes is what the sums of a mean take: of all rows, of each row, and the
// place of the oldest.
func (s *stages) meanBytes() int {
	if s.mean == nil {
		return 0
	}
	return (4*(s.rows+1)*s.step.Tensors[2*s.stream.Head].C + 4 + 7) &^ 7
}

// buffersOf is where the tensors of the step lie: results in the last rows of
// the windows behind.
func (s *stages) buffersOf() []*buffer {
	list := make([]*buffer, len(s.step.Tensors))
	at := (2*len(s.step.Layers) + 7) &^ 7
	for i := range list {
		t := &s.step.Tensors[i]
		if i%2 == 0 || i == len(list)-1 {
			list[i] = &buffer{at: at}
			at += (tensorBytes(t) + 7) &^ 7
		}
		if i%2 == 0 && i > 0 {
			list[i-1] = &buffer{at: list[i].at + (t.H-1)*t.W*t.C}
		}
	}
	return list
}

// writeStream writes the layers of a step, and what calls them.
func (g *generator) writeStream() error {
	if g.stages == nil {
		return nil
	}
	s, net, buffers := g.stages, g.net, g.buffers
	g.use("stream")
	g.net, g.buffers = s.step, s.buffersOf()
	v := s.stream.Network
	in := &v.Tensors[v.Inputs[0].Tensor]
	first := &s.step.Tensors[0]
	p := &streamPage{Frames: in.H, Hop: s.stream.Hop, Row: in.W * in.C, RowAt: g.at(0) + (first.H-1)*in.W*in.C, OutAt: g.at(len(s.step.Tensors) - 1), Answers: 3}
	p.Calls, p.Totals, p.Sums = g.stageCalls(p), s.totals, s.meanBytes()
	g.net, g.buffers = net, buffers
	for p.Mask = 1; 2*p.Mask+1 < in.Quantiser.Levels; p.Mask = 2*p.Mask + 1 {
	}
	p.Sum = fmt.Sprintf("0x%08xu", g.streamSum(p))
	if g.o.Rate != 0 {
		g.use("hear")
		p.Ear, p.Scratch, p.Held, p.Quiet, p.Samples = s.ear, s.z, audio.Delay+1, audio.Quiet, g.points()/2
		sum, err := g.hearSum()
		if err != nil {
			return err
		}
		p.SoundSum = fmt.Sprintf("0x%08xu", sum)
	}
	g.streamPage = p
	return nil
}

// stageCalls writes the layers of a step, and returns their calls: each as soon as
// its window is complete, else the step ends.
func (g *generator) stageCalls(p *streamPage) string {
	s, head := g.stages, g.stages.stream.Head
	var text strings.Builder
	for i, l := range s.step.Layers {
		if i == head && s.mean != nil {
			g.runningMean(fmt.Sprintf("stream_%d", i))
		} else {
			g.layer(fmt.Sprintf("stream_%d", i), l)
		}
		call := g.calls.String()
		g.calls.Reset()
		if i > head {
			text.WriteString(call)
			continue
		}
		t := &s.step.Tensors[2*i]
		row := t.W * t.C
		if i == head && s.mean != nil { // takes every row
			p.Missing = append(p.Missing, s.rows)
			fmt.Fprintf(&text, "%s\tif (%s_complete(missing, 1) == 0) {\n\t\treturn 0;\n\t}\n", call, g.prefix)
			continue
		}
		p.Missing = append(p.Missing, t.H)
		stride := 1
		if i < head {
			stride = lut.WindowOf(l).StrideY
		}
		fmt.Fprintf(&text, "\tcomplete = %s_complete(missing++, %d);\n\tif (complete != 0) {\n\t%s\t}\n", g.prefix, stride, call)
		if t.H > 1 {
			fmt.Fprintf(&text, "\t%s_advance(bytes + %d, %d, %d);\n", g.prefix, g.at(2*i), row, (t.H-1)*row)
		}
		text.WriteString("\tif (complete == 0) {\n\t\treturn 0;\n\t}\n")
	}
	return text.String()
}

// runningMean writes the mean of all rows.
func (g *generator) runningMean(name string) {
	g.use("mean")
	s, head := g.stages, g.stages.stream.Head
	in, l := &s.step.Tensors[2*head], s.mean
	g.define("mean", name, g.activation(&l.Activation), g.words("average", l.Table), l.Bias, g.at(2*head), g.at(2*head+1),
		s.totals, 4*s.rows*in.C, in.W, in.C)
	g.call("mean", "mean", name)
}

// noise draws the numbers of the self-test.
type noise uint32

func (n *noise) next() uint32 {
	*n ^= *n << 13
	*n ^= *n >> 17
	*n ^= *n << 5
	return uint32(*n)
}

// streamSum is the checksum of the answers about noise.
func (g *generator) streamSum(p *streamPage) uint32 {
	v := g.stages.stream.Network
	in := &v.Tensors[v.Inputs[0].Tensor]
	rows := make([][]uint8, p.Frames+(p.Answers-1)*p.Hop)
	state := noise(1)
	for i := range rows {
		for range p.Row {
			rows[i] = append(rows[i], uint8(int(state.next()>>16)&p.Mask))
		}
	}
	s := v.NewSession()
	var sum checksum
	for first := 0; first+p.Frames <= len(rows); first += p.Hop {
		levels := s.Levels(v.Inputs[0].Tensor)
		for y, row := range rows[first:][:p.Frames] {
			for i, a := range row { // channels last
				levels[(i%in.C*in.H+y)*in.W+i/in.C] = a
			}
		}
		s.Run()
		sum.outputs(v, s)
	}
	return uint32(sum)
}

// hearSum is the checksum of the levels of streamed noise.
func (g *generator) hearSum() (uint32, error) {
	s, err := audio.NewStream(g.o.Rate)
	if err != nil {
		return 0, err
	}
	var sum checksum
	state := noise(1)
	for range audio.Delay + 4 {
		samples := make([]int16, s.Hop())
		for i := range samples {
			samples[i] = int16(state.next() >> 16)
		}
		for _, v := range s.Push(samples) {
			sum.add(uint32(g.o.Bytes[0][v]))
		}
	}
	return uint32(sum), nil
}
