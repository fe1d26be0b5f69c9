package compress

import "time"

// progress returns a function that reports how much of a phase of the present
// layer is done.
func (j *job) progress(phase string) func(done int) {
	total := j.stream.src.Len()
	switch phase {
	case "cluster":
		total = j.iterations()
	case "refine":
		total = maxRounds
	}
	return func(done int) {
		p := j.at(phase)
		p.Done, p.Total = done, total
		j.show(p)
	}
}

// at is the present layer in a phase.
func (j *job) at(phase string) Progress {
	p := Progress{Layer: j.current, Layers: len(j.layers), Phase: phase}
	if j.current < len(j.layers) {
		p.Name = j.layers[j.current].name
	}
	return p
}

// show reports p with the time left.
func (j *job) show(p Progress) {
	if j.o.Progress != nil {
		p.ETA = j.eta()
		j.o.Progress(p)
	}
}

// eta extrapolates from the layers that this run has finished.
func (j *job) eta() time.Duration {
	var done, all float64
	for i, l := range j.layers {
		c := j.cost(l)
		all += c
		if i < j.current {
			done += c
		}
	}
	if done == 0 {
		return 0
	}
	return time.Duration(float64(time.Since(j.start)) * (all - done) / done)
}

// cost is a rough count of the multiplications that a layer takes: clustering
// reads every weight once per codeword and iteration, running the layer every
// weight once per patch.
func (j *job) cost(l *layer) float64 {
	const iterations, passes = 30, 4
	patches := float64(j.stream.src.Len() * l.patches.batch * l.patches.count())
	return float64(l.weights()) * (iterations*float64(l.k) + passes*patches)
}
