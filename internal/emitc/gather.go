package emitc

import "lutra/internal/lut"

// origins are where the levels of l come from, channels last: level c of place
// p from places[p] + channels[c], or, if channels[c] is below 0, it is l.Fill. If
// the places do not have this in common, they are one, of all elements.
func (g *generator) origins(l *lut.Gather) (places, channels []int32) {
	in, out := &g.net.Tensors[l.In], &g.net.Tensors[l.Out]
	from := make([]int32, len(l.From))
	for i, f := range channelsLast(out, l.From) {
		if from[i] = -1; f >= 0 {
			plane := int32(in.H * in.W)
			from[i] = f%plane*int32(in.C) + f/plane
		}
	}
	channels = from[:out.C]
	for first := 0; first < len(from); first += out.C {
		at := int32(0)
		for c, f := range channels {
			if f >= 0 {
				at = from[first+c] - f
				break
			}
		}
		for c, f := range channels {
			if got := from[first+c]; (got < 0) != (f < 0) || f >= 0 && got != at+f {
				return []int32{0}, from
			}
		}
		places = append(places, at)
	}
	return places, channels
}

func (g *generator) gather(name string, l *lut.Gather) {
	g.use("gather")
	places, channels := g.origins(l)
	g.define("gather", name, g.words("places", places), g.words("channels", channels), g.at(l.In), g.at(l.Out), len(places), len(channels), l.Fill)
	g.call("gather", "gather", name)
}
