package lut

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"testing"

	"lutra/internal/kernel"
)

// golden are the SHA-256 of all numbers of all layers of 40 networks, as
// little-endian int32. They were computed on amd64; continuous integration checks
// them on other processors, of other word sizes and byte orders.
var golden = []struct {
	name string
	o    Options
	sum  string
}{
	{"rounded", Options{}, "d7e796a833987df704eb74029ad0102e9979c9024e088586e0cd31094301f624"},
	{"exact", Options{Exact: true}, "eca7550cc4784206f058131b7b8900200daca90abf6adcb75990dcc828130c7a"},
}

// TestSameEverywhere: a network is the same integers on every machine, from the
// tables that Build rounds to the scores.
func TestSameEverywhere(t *testing.T) {
	for _, c := range golden {
		h := sha256.New()
		for seed := range uint64(40) {
			n, g := randomNetwork(t, seed)
			if c.o != (Options{}) {
				var err error
				if n, err = Build(g, c.o); err != nil {
					t.Fatal(err)
				}
			}
			hashNumbers(h, n, rand.New(rand.NewPCG(seed, 3)))
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != c.sum {
			t.Errorf("the numbers of %s products have the sum %s, want %s", c.name, got, c.sum)
		}
	}
}

// hashNumbers runs n on random levels and writes all of its numbers.
func hashNumbers(h io.Writer, n *Network, rng *rand.Rand) {
	s := n.Compile(kernel.Generic).NewSession()
	for _, in := range n.Inputs {
		levels := s.Levels(in.Tensor)
		for i := range levels {
			levels[i] = uint8(rng.IntN(n.Tensors[in.Tensor].Quantiser.Levels))
		}
	}
	s.Run()
	for i := range n.Tensors {
		numbers := s.Scores(i)
		for _, a := range s.Levels(i) {
			numbers = append(numbers, int32(a))
		}
		binary.Write(h, binary.LittleEndian, numbers)
	}
}
