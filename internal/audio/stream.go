package audio

import "math/bits"

// What a stream does about loudness.
const (
	// Delay is by how many frames a stream is late: what is loudest in them
	// counts, too.
	Delay = 16
	// Quiet is the least reference of a stream, in sixteenths of an octave:
	// 46 dB below the loudest tone.
	Quiet = 256
)

// Stream makes the frames of a spectrum of sound that does not end: the steps
// of Spectrum but for two, which would need all of the recording.
//
//   - The samples of a frame, and the one before, are shifted by whole bits until
//     the largest magnitude has 13; logarithms are corrected by 16 for each bit,
//     but stay at least 0.
//   - The reference of loudness is the largest logarithm of a frame so far, but
//     falls by 1 with every frame, down to Quiet at the least. A frame's bytes
//     are made Delay frames later, by the reference of then, 255 at the most.
type Stream struct {
	t       *transform
	samples []int16 // one, and a frame
	logs    [Delay + 1][Bands]int32
	loudest int32
}

// NewStream is a stream of 8000 or 16000 samples a second, after silence.
func NewStream(rate int) (*Stream, error) {
	size, err := frameSize(rate)
	if err != nil {
		return nil, err
	}
	return &Stream{t: newTransform(size), samples: make([]int16, size+1), loudest: Quiet}, nil
}

// Hop is the number of samples from one frame to the next.
func (s *Stream) Hop() int { return len(s.samples) / 2 }

// Push takes the next Hop samples and returns the bytes of the bands of the
// frame that ended Delay frames before.
func (s *Stream) Push(samples []int16) []uint8 {
	copy(s.samples, s.samples[s.Hop():])
	copy(s.samples[s.Hop()+1:], samples[:s.Hop()])
	copy(s.logs[:], s.logs[1:])
	logs := s.logs[Delay][:]
	s.frame(logs)
	s.loudest = max(s.loudest-1, Quiet)
	for _, f := range logs {
		s.loudest = max(s.loudest, f)
	}
	out := make([]uint8, Bands)
	for i, f := range s.logs[0] {
		out[i] = uint8(min(255, max(0, 255-(s.loudest-f))))
	}
	return out
}

// frame makes the logarithms of the newest frame.
func (s *Stream) frame(logs []int32) {
	p := emphasise(level(s.samples))[1:]
	for i := range s.t.re {
		s.t.re[s.t.reversed[i]], s.t.im[i] = (p[i]*s.t.Window[i])>>twiddleLog, 0
	}
	s.t.run()
	s.t.bands(logs)
	peak := int32(0)
	for _, v := range s.samples {
		peak = max(peak, int32(v), -int32(v))
	}
	for i, f := range logs {
		if f > 0 {
			logs[i] = max(0, f-16*int32(sampleLog-bits.Len32(uint32(peak))))
		}
	}
}
