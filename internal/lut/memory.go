package lut

import (
	"math"
	"math/bits"
)

// Memory is what the weights of a network take, by ways of storing them.
// Biases and codewords are not counted as weights.
type Memory struct {
	Layers []LayerMemory `json:"layers"`
	Total  LayerMemory   `json:"total"`
	Tables int           `json:"table_bytes"` // products in memory
}

// LayerMemory is the memory of the codes of one layer.
type LayerMemory struct {
	Layer   string  `json:"layer"`
	Weights int     `json:"weights"`
	Words   int     `json:"codewords"`
	D       int     `json:"d"`       // weights per code
	Used    int     `json:"used"`    // codewords that occur
	Stored  int     `json:"stored"`  // bytes in the ONNX file
	Packed  int     `json:"packed"`  // bytes with ceil(log2 codewords) bits a code
	Coded   int     `json:"coded"`   // bytes behind an adaptive range coder
	Entropy float64 `json:"entropy"` // bits a code, order 0
	// BitsPerWeight is that of Coded.
	BitsPerWeight float64 `json:"coded_bits_per_weight"`
}

// Memory measures the weights of n.
func (n *Network) Memory() *Memory {
	m := &Memory{Layers: []LayerMemory{}}
	t := &m.Total
	t.Layer = "all"
	var informations float64
	codes := 0
	for _, l := range n.Layers {
		l, ok := l.(*Linear)
		if !ok {
			continue
		}
		s := l.memory()
		m.Layers = append(m.Layers, s)
		t.Weights, t.Stored, t.Packed, t.Coded = t.Weights+s.Weights, t.Stored+s.Stored, t.Packed+s.Packed, t.Coded+s.Coded
		t.Words, t.Used, t.D = max(t.Words, s.Words), max(t.Used, s.Used), max(t.D, s.D)
		informations += s.Entropy * float64(len(l.Codes))
		codes += len(l.Codes)
	}
	if codes > 0 {
		t.Entropy = informations / float64(codes)
		t.BitsPerWeight = 8 * float64(t.Coded) / float64(t.Weights)
	}
	for _, table := range n.Tables() {
		m.Tables += table.Bytes()
	}
	return m
}

func (l *Linear) memory() LayerMemory {
	n, words := len(l.Codes), l.Table.Words
	m := LayerMemory{Layer: l.Name, Weights: n * l.Table.D, Words: words, D: l.Table.D}
	each := max(bits.Len(uint(words-1)), 1)
	m.Packed = (n*each + 7) / 8
	switch { // see graph.Codebook.Bytes
	case each <= 8:
		m.Stored = n
	case n%8 == 0:
		m.Stored = n + (each-8)*(n/8)
	default:
		m.Stored = 2 * n
	}
	counts := make([]int, words)
	for _, c := range l.Codes {
		counts[c]++
	}
	for _, c := range counts {
		if c > 0 {
			m.Used++
			p := float64(c) / float64(n)
			m.Entropy -= p * math.Log2(p)
		}
	}
	m.Entropy = math.Abs(m.Entropy)
	m.Coded = len(encodeCodes(l.Codes, words))
	m.BitsPerWeight = 8 * float64(m.Coded) / float64(m.Weights)
	return m
}
