package main

import (
	"math"
	"math/rand/v2"
)

const (
	rate    = 16000
	seconds = 2
)

// anomaly is what is wrong with a machine.
type anomaly int

const (
	none      anomaly = iota
	clicks            // a short burst some times a second
	speed             // the motor turns 6 to 10 % faster
	harmonics         // a tone that does not belong to the motor
	rubbing           // noise that swells with every turn
)

var anomalies = []anomaly{clicks, speed, harmonics, rubbing}

// sound is a machine: a motor of 12 harmonics whose speed and loudness vary a
// little from recording to recording, a fan's noise through a resonance, and a
// bearing whose ringing impulses come 3.6 times a turn.
func sound(r *rand.Rand, kind anomaly) []float64 {
	turns := 50 * (1 + 0.01*r.NormFloat64())
	loud := 1 + 0.1*r.NormFloat64()
	if kind == speed {
		turns *= 1.06 + 0.04*r.Float64()
	}
	extra, interval := 700+1500*r.Float64(), 0.15+0.2*r.Float64()
	phase := 2 * math.Pi * r.Float64()
	x := make([]float64, rate*seconds)
	var fan, fanBefore, ring, ringBefore, click float64
	bearing, next := r.Float64(), interval*r.Float64()
	for n := range x {
		t := float64(n) / rate
		turn := phase + 2*math.Pi*turns*t
		for h := 1; h <= 12; h++ {
			x[n] += loud * math.Sin(float64(h)*turn) / math.Pow(float64(h), 1.3)
		}
		// Resonances: y = g*in + 2*p*cos(w)*y' - p*p*y''.
		fan, fanBefore = 0.2*r.NormFloat64()+2*0.97*math.Cos(2*math.Pi*900/rate)*fan-0.97*0.97*fanBefore, fan
		impulse := 0.0
		if bearing += 3.6 * turns / rate; bearing >= 1 {
			bearing, impulse = bearing-1, 0.3*(1+0.2*r.NormFloat64())
		}
		ring, ringBefore = impulse+2*0.985*math.Cos(2*math.Pi*3200/rate)*ring-0.985*0.985*ringBefore, ring
		x[n] += 0.3*fan + 0.3*ring + 0.05*r.NormFloat64()
		switch kind {
		case clicks:
			if click *= 0.995; t >= next {
				click, next = 1.5, next+interval
			}
			x[n] += click * r.NormFloat64()
		case harmonics:
			x[n] += 0.25*math.Sin(2*math.Pi*extra*t) + 0.15*math.Sin(2*math.Pi*2*extra*t)
		case rubbing:
			x[n] += 0.35 * math.Max(0, math.Sin(turn/4)) * r.NormFloat64()
		}
	}
	return x
}
