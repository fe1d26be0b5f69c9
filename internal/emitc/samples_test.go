package emitc

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"lutra/internal/graph"
)

// samplesOf is the levels that the engine in Go makes of samples that count in
// units.
func samplesOf(q graph.Quantiser, unit float64) *Samples {
	s := new(Samples)
	for i := range s {
		s[i] = q.Index(float32(float64(i+math.MinInt16) * unit))
	}
	return s
}

// sampler writes the levels of all samples to standard output, 64 at a time.
const sampler = `#include "net.h"
#include <stdio.h>
static union { uint64_t align; uint8_t bytes[NET_ARENA_SIZE]; } arena;
int main(void)
{
	int16_t samples[60];
	long x = -32768;
	uint32_t i;
	if (net_selftest(&arena) != 0) return 1;
	while (x < 32768) {
		for (i = 0; i < 60 && x < 32768; i++) samples[i] = (int16_t)x++;
		net_input_s16(&arena, 4, samples, i);
		if (fwrite(net_input(&arena) + 4, 1, i, stdout) != i) return 2;
	}
	return 0;
}
`

// TestSamples: every sample of 16 bits becomes the level that the quantiser
// says, whether levels are many samples wide or skipped, on both ends or not
// reached at all.
func TestSamples(t *testing.T) {
	for name, c := range map[string]struct {
		q    graph.Quantiser
		unit float64
	}{
		"sound":      {graph.Quantiser{Levels: 256, Low: -1, High: 1}, 1.0 / 32768},
		"32":         {graph.Quantiser{Levels: 32, Low: -0.7, High: 0.9}, 1.0 / 32768},
		"two":        {graph.Quantiser{Levels: 2, Low: 0, High: 1}, 1e-4},
		"unreached":  {graph.Quantiser{Levels: 100, Low: -4, High: 4}, 1.0 / 32768},
		"skipped":    {graph.Quantiser{Levels: 256, Low: -1, High: 1}, 0.1},
		"one":        {graph.Quantiser{Levels: 16, Low: 5, High: 6}, 1.0 / 32768},
		"hyperbolic": {graph.Quantiser{Levels: 33, Low: -1, High: 1, Tanh: true}, 1.0 / 4096},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDrawing(1, 64, 1, 1)
			n := d.output(d.dense(0, 4, 16, 1, true))
			want := samplesOf(c.q, c.unit)
			lib, err := Emit(n, Options{Name: "net", Samples: want})
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			save(t, dir, lib)
			if err := os.WriteFile(filepath.Join(dir, "main.c"), []byte(sampler), 0o644); err != nil {
				t.Fatal(err)
			}
			run(t, dir, "gcc", append([]string{"-std=c99", "-O1", "-fsanitize=address,undefined", "-o", "net", "main.c"}, sources...)...)
			got := run(t, dir, "./net")
			if len(got) != len(want) {
				t.Fatalf("%d levels, want %d", len(got), len(want))
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("sample %d is level %d, want %d", i+math.MinInt16, got[i], want[i])
				}
			}
		})
	}
	want := samplesOf(graph.Quantiser{Levels: 4, High: 1}, 1e-4)
	want[70] = 3
	if _, err := Emit(draw(1), Options{Samples: want}); err == nil {
		t.Error("levels that do not ascend are taken")
	}
}
