package lutra

import (
	"fmt"
	"testing"

	"lutra/internal/data"
	"lutra/internal/graph"
)

// TestBytesOf: tables of bytes hold the levels that the engine makes of
// preprocessed images, for all bytes in all channels.
func TestBytesOf(t *testing.T) {
	m := data.NewImage(16, 16)
	for i := range m.Pix {
		m.Pix[i] = uint8(i / 3)
	}
	for _, name := range []string{"none", "unit", "cifar", "speech", "mfcc", "mnist"} {
		p, err := data.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		sample := make([]float32, p.Channels()*256)
		if err := p.Apply(m, sample); err != nil {
			t.Fatal(err)
		}
		for _, q := range []graph.Quantiser{{Levels: 32, High: 1}, {Levels: 256, Low: -2.1, High: 2.6}, {Levels: 17, Low: -1, High: 1, Tanh: true}, {Levels: 2, Low: -3, High: 300}} {
			t.Run(fmt.Sprint(name, q), func(t *testing.T) {
				for c := range p.Channels() {
					table := bytesOf(q, p.Table(c))
					for v := range 256 {
						if got, want := table[v], q.Index(sample[c*256+v]); got != want {
							t.Fatalf("byte %d of channel %d becomes level %d, want %d", v, c, got, want)
						}
					}
				}
			})
		}
	}
}
