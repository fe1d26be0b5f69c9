package main

import (
	"math"
	"math/bits"
	"math/cmplx"
)

// The features of MLPerf Tiny's anomaly detector: frames of 1024 samples every
// 512, 128 mel bands from 0 Hz to half the rate, decibels, five frames a row.
const (
	size   = 1024
	hop    = 512
	bands  = 128
	frames = 5
)

// features are the rows of a sound, one for every run of five frames.
func features(x []float64) [][]float32 {
	var spectra [][]float32
	edges := melEdges()
	for start := 0; start+size <= len(x); start += hop {
		frame := make([]complex128, size)
		for n := range frame {
			hann := 0.5 - 0.5*math.Cos(2*math.Pi*float64(n)/size)
			frame[n] = complex(x[start+n]*hann, 0)
		}
		transform(frame)
		spectrum := make([]float32, bands)
		for b := range spectrum {
			spectrum[b] = float32(10 * math.Log10(band(frame, edges[b:b+3])+1e-6))
		}
		spectra = append(spectra, spectrum)
	}
	var rows [][]float32
	for i := range len(spectra) - frames + 1 {
		var row []float32
		for _, s := range spectra[i : i+frames] {
			row = append(row, s...)
		}
		rows = append(rows, row)
	}
	return rows
}

// melEdges are the corners of the bands' triangles, in bins.
func melEdges() []float64 {
	mel := func(hertz float64) float64 { return 2595 * math.Log10(1+hertz/700) }
	edges := make([]float64, bands+2)
	for i := range edges {
		m := mel(rate/2) * float64(i) / float64(bands+1)
		edges[i] = 700 * (math.Pow(10, m/2595) - 1) * size / rate
	}
	return edges
}

// band is the power under a triangle, whose area is 1.
func band(spectrum []complex128, e []float64) float64 {
	var sum float64
	for k := int(e[0]); k <= int(e[2])+1 && k <= size/2; k++ {
		f := float64(k)
		weight := math.Min((f-e[0])/(e[1]-e[0]), (e[2]-f)/(e[2]-e[1]))
		if weight > 0 {
			a := cmplx.Abs(spectrum[k])
			sum += weight * a * a
		}
	}
	return sum * 2 / (e[2] - e[0])
}

// transform is the Fourier transform, in place: radix 2, decimation in time.
func transform(x []complex128) {
	shift := 64 - uint(bits.Len(uint(len(x)-1)))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for n := 2; n <= len(x); n *= 2 {
		root := cmplx.Rect(1, -2*math.Pi/float64(n))
		for at := 0; at < len(x); at += n {
			w := complex(1, 0)
			for k := range n / 2 {
				a, b := x[at+k], x[at+k+n/2]*w
				x[at+k], x[at+k+n/2] = a+b, a-b
				w *= root
			}
		}
	}
}
