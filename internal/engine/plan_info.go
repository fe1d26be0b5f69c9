package engine

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Measured is info with the measured times of its steps; see Session.Times.
func (info Info) Measured(times []time.Duration) Info {
	info.Steps, info.MeasuredUS = slices.Clone(info.Steps), 0
	for i, t := range times {
		us := float64(t) / 1e3
		info.Steps[i].MeasuredUS = us
		info.MeasuredUS += us
	}
	return info
}

// String is a table, one line a step, and a line of totals. Times are in
// microseconds; ratio is predicted over measured time.
func (info Info) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "step\tnode\tops\tkernel\tlevel\tin\tout\tshape\tMMACs\tMlookups\tweights KB\tSNR dB\tmoved KB\tbuffer\tKB\tpredicted µs\tmeasured µs\tratio")
	for i, n := range info.Steps {
		name := ""
		if len(n.Nodes) > 0 {
			name = n.Nodes[0]
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1f\t%s\t%.1f\t%s\t%.1f\t%d\t%.1f\t%.1f\t%s\n", i, name, n.Ops, n.Kernel, n.Level,
			n.In, n.Out, n.Shape, float64(n.MACs)/1e6, orDash(float64(n.Lookups)/1e6, "%.1f"), float64(n.WeightBytes)/1024, orDash(n.SNR, "%.1f"),
			float64(n.MovedBytes)/1024, n.Buffer, float64(n.Bytes)/1024, n.PredictedUS, timesText(n.PredictedUS, n.MeasuredUS))
	}
	w.Flush()
	fmt.Fprintf(&b, "%d steps, %.1f MMACs, %.2f MB of weights, %.2f MB of activations, %d threads, predicted %.0f µs",
		len(info.Steps), float64(info.MACs)/1e6, float64(info.WeightBytes)/1e6, float64(info.ArenaBytes)/1e6, info.Threads, info.PredictedUS)
	if info.MeasuredUS > 0 {
		fmt.Fprintf(&b, ", measured %.0f µs, ratio %.2f", info.MeasuredUS, info.PredictedUS/info.MeasuredUS)
	}
	b.WriteString("\n")
	return b.String()
}

// orDash is v in that format, "-" for 0.
func orDash(v float64, format string) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// timesText is two cells: the measured time and its ratio.
func timesText(predicted, measured float64) string {
	if measured == 0 {
		return "-\t-"
	}
	return fmt.Sprintf("%.1f\t%.2f", measured, predicted/measured)
}
