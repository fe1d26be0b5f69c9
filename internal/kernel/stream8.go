package kernel

// stream8 is how a panel is decoded in the order in which it is multiplied: for
// each half of the outputs, chunks of the sums one after the other.
type stream8 struct {
	steps  int      // of 64 inputs in a chunk; 0: there is no such order
	chunks int      // of a half
	quads  int      // of a chunk
	places []uint32 // of the words of all quads, in bytes of a chunk of 16 outputs
}

// mostChunk bounds the steps of a chunk: two chunks and the bytes they meet
// shall fit the first level of cache.
const mostChunk = 9

// streamed is the stream with the longest chunks.
func (d *DecoderI8) streamed() stream8 {
	steps := d.depth / 64
	if d.form == scattered || !d.full || d.depth%64 != 0 || 4*d.quads != d.blocks() {
		return stream8{}
	}
	for n := min(steps, mostChunk); n > 0; n-- {
		chunks := steps / n
		if steps%n != 0 || d.quads%chunks != 0 {
			continue
		}
		s := stream8{steps: n, chunks: chunks, quads: d.quads / chunks}
		if s.places = d.chunked(s); s.places != nil {
			return s
		}
	}
	return stream8{}
}

// chunked are the places of words within the chunks of s; nil if a quad has
// words outside its chunk.
func (d *DecoderI8) chunked(s stream8) (places []uint32) {
	perChunk, bytes := len(d.steps)/s.chunks, uint32(s.steps*64*cols8)
	for i, at := range d.steps {
		if at/bytes != uint32(i/perChunk) {
			return nil
		}
		places = append(places, at%bytes/2)
	}
	return places
}
