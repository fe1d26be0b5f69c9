package main

import (
	"cmp"
	"fmt"
	"slices"

	"lutra"
	"lutra/internal/plot"
	"lutra/internal/report"
)

// codebookSection shows every codebook as a picture with the use of its
// codewords, most used first; nil if the model has none.
func codebookSection(m *lutra.Model, in *lutra.Inspection) (*report.Section, error) {
	s := &report.Section{Title: "Codebooks", Large: true, Text: "Codewords, most used first: rows of a tile are rows of kernels, red above zero, blue below. " +
		"Beneath, how often each of them is used, and the bits that an entropy coder would need for a code."}
	for _, l := range in.Layers {
		c, err := m.Codebook(l.Name)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		card, err := codebookCard(&l, c)
		if err != nil {
			return nil, err
		}
		s.Cards = append(s.Cards, *card)
	}
	if s.Cards == nil {
		return nil, nil
	}
	return s, nil
}

// mostTiles bounds the codewords of a picture, which more make too small to be
// seen; pictureWidth is about its width in pixels.
const (
	mostTiles    = 576
	pictureWidth = 240
)

func codebookCard(l *lutra.Layer, c *lutra.Codebook) (*report.Card, error) {
	order := make([]int, c.K)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(c.Counts[b], c.Counts[a]) })
	counts := make([]int, c.K)
	for i, k := range order {
		counts[i] = c.Counts[k]
	}
	height, width := 1, 1
	if len(c.Shape) == 4 {
		height, width = c.Shape[2], c.Shape[3]
	}
	rows, columns := report.TileShape(c.D, height, width)
	shown := order[:min(len(order), mostTiles)]
	image := report.Codewords(c.Words, len(shown), rows, columns, shown)
	scale := max(1, (pictureWidth+image.Bounds().Dx()/2)/image.Bounds().Dx())
	picture, err := report.Picture(image, scale, fmt.Sprintf("%d codewords of %s", len(shown), l.Name))
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%d codewords of %d numbers", c.K, c.D)
	if len(shown) < c.K {
		text += fmt.Sprintf(", %d shown", len(shown))
	}
	return &report.Card{
		Image: picture + report.Drawing("", plot.Spark{Counts: counts}).Image,
		Head:  layerTitle(l.Name, l.Node),
		Lines: []string{text},
		Note:  fmt.Sprintf("%d used, %.2f bits a code", l.Distinct, l.Entropy),
	}, nil
}
