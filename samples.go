package lutra

import (
	"cmp"
	"context"
	"fmt"

	"lutra/internal/data"
	"lutra/internal/safe"
)

// samples are the images of a data set as inputs of a model.
type samples struct {
	*data.Inputs
	shape                   Shape // of the input, -1 where the file leaves it open
	channels, height, width int   // their places in shape
	nChannels               int
}

// samples sees set as inputs of m. Where p leaves the layout open and the
// model's channels can only be its last dimension, they are.
func (m *Model) samples(set *DataSet, p Preprocess) (*samples, error) {
	in := m.Inputs()
	if len(in) != 1 || len(in[0].Shape) != 4 || in[0].DType != "float32" {
		found := fmt.Sprintf("%d inputs", len(in))
		if len(in) == 1 {
			found = fmt.Sprintf("%s %v", in[0].DType, in[0].Shape)
		}
		return nil, &safe.FormatError{File: m.path, Field: "inputs", Expected: "one float32 image input of rank 4", Found: found}
	}
	s := &samples{shape: in[0].Shape, channels: 1, height: 2, width: 3, nChannels: p.Channels()}
	if p.Layout == "" && s.shape[1] > 0 && s.shape[1] != s.nChannels && s.shape[3] == s.nChannels {
		p.Layout = "NHWC"
	}
	if p.Layout == "NHWC" {
		s.channels, s.height, s.width = 3, 1, 2
	}
	if c := s.shape[s.channels]; c >= 0 && c != s.nChannels {
		return nil, &safe.FormatError{File: m.path, Field: "input " + in[0].Name, Expected: fmt.Sprintf("%d channels, as the preprocessing yields", s.nChannels),
			Found: fmt.Sprint(c), Hint: "see --order and --layout"}
	}
	var err error
	s.Inputs, err = set.Inputs(p, max(s.shape[s.width], 0), max(s.shape[s.height], 0))
	return s, err
}

// batch is the batch size for a wish, of which 0 means 8: the fixed one of the
// model if there is one, since other sizes may contradict shapes inside it.
func (s *samples) batch(wish int) int {
	if s.shape[0] > 0 {
		return s.shape[0]
	}
	return cmp.Or(max(wish, 0), 8)
}

// gather decodes and preprocesses images [first, first+n) into one batch. A
// fixed batch size above n is filled up with copies of the last image.
func (s *samples) gather(ctx context.Context, first, n int) (*Tensor, error) {
	var x []float32
	shape := s.shape.Clone()
	shape[0] = max(shape[0], n)
	shape[s.channels] = s.nChannels
	for i := range n {
		if err := ctx.Err(); err != nil { // large images take long to decode
			return nil, err
		}
		v, w, h, err := s.Sample(first + i)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			shape[s.width], shape[s.height] = w, h
			elems, err := shape.CheckedElems(safe.MaxActivations / 4)
			if err != nil {
				return nil, err
			}
			x = make([]float32, elems)
		}
		if w != shape[s.width] || h != shape[s.height] {
			return nil, &safe.FormatError{File: s.Path(), Where: s.Name(first + i), Field: "size", Expected: fmt.Sprintf("%dx%d pixels, as the image before", shape[s.width], shape[s.height]),
				Found: fmt.Sprintf("%dx%d", w, h), Hint: "the preprocessing must resize and crop, or the batch size be 1"}
		}
		copy(x[i*len(v):], v)
	}
	size := len(x) / shape[0]
	for i := n; i < shape[0]; i++ {
		copy(x[i*size:], x[(n-1)*size:][:size])
	}
	return NewTensor(x, shape...), nil
}
