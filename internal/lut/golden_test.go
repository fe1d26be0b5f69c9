package lut

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"lutra/internal/kernel"
)

// goldenSum is the SHA-256 of all numbers of all layers of 40 networks, as
// little-endian int32. It was computed on amd64; continuous integration checks
// it on other processors, of other word sizes and byte orders.
const goldenSum = "d7e796a833987df704eb74029ad0102e9979c9024e088586e0cd31094301f624"

// TestSameEverywhere: a network is the same integers on every machine, from the
// tables that Build rounds to the scores.
func TestSameEverywhere(t *testing.T) {
	h := sha256.New()
	put := func(v int32) {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], uint32(v))
		h.Write(b[:])
	}
	for seed := range uint64(40) {
		n, _ := randomNetwork(t, seed)
		rng := rand.New(rand.NewPCG(seed, 3))
		s := n.Compile(kernel.Generic).NewSession()
		for _, in := range n.Inputs {
			levels := s.Levels(in.Tensor)
			for i := range levels {
				levels[i] = uint8(rng.IntN(n.Tensors[in.Tensor].Quantiser.Levels))
			}
		}
		s.Run()
		for i := range n.Tensors {
			if z := s.Scores(i); z != nil {
				for _, v := range z {
					put(v)
				}
				continue
			}
			for _, a := range s.Levels(i) {
				put(int32(a))
			}
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != goldenSum {
		t.Errorf("the numbers have the sum %s, want %s", got, goldenSum)
	}
}
