// Command layers makes a table of the layers of a network and of the time that
// each takes, by arithmetic and instruction set, from lutra inspect.
//
//	go build -o lutra ./cmd/lutra
//	cd oracle && go run ./cmd/layers -lutra ../lutra [-levels avx2,vnni,amx] [-modes fp32,bf16,int8] MODEL
//
// A row is all layers of one shape; times are microseconds a layer on one
// thread, the least of several runs, the mean over the layers of the row.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
)

// layer is what lutra inspect says of a weight.
type layer struct {
	Node  string `json:"node"`
	Op    string `json:"op"`
	Shape []int  `json:"shape"`
	Bytes int    `json:"bytes"`
	D     int    `json:"d"`
	K     int    `json:"k"`
}

// step is what lutra inspect --plan --measure says of a step.
type step struct {
	Nodes    []string `json:"nodes"`
	Kernel   string   `json:"kernel"`
	Shape    string   `json:"shape"`
	MACs     int64    `json:"macs"`
	Measured float64  `json:"measured_us"`
}

// row is layers of one shape, with one time for each column.
type row struct {
	label string
	count int
	macs  int64
	layer layer
	times []float64 // sums
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("layers: ")
	lutra := flag.String("lutra", "lutra", "the program")
	levels := flag.String("levels", "avx2,vnni,amx", "instruction sets")
	modes := flag.String("modes", "fp32,bf16,int8", "arithmetics; int8 and auto need ranges in the file")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("expected one model file")
	}
	t := &table{lutra: *lutra, model: flag.Arg(0), layers: map[string]layer{}, byLabel: map[string]*row{}}
	if err := t.readLayers(); err != nil {
		log.Fatal(err)
	}
	for _, level := range strings.Split(*levels, ",") {
		for _, mode := range strings.Split(*modes, ",") {
			if err := t.addColumn(level, mode); err != nil {
				log.Fatal(err)
			}
		}
	}
	t.print()
}

// table collects the rows of one model.
type table struct {
	lutra, model string
	layers       map[string]layer // by node
	columns      []string
	rows         []*row
	byLabel      map[string]*row
}

// inspect runs lutra inspect and reads its JSON.
func (t *table) inspect(result any, level string, args ...string) error {
	cmd := exec.Command(t.lutra, append([]string{"inspect", t.model, "--json", "--threads", "1"}, args...)...)
	cmd.Env = append(os.Environ(), "LUTRA_CPU="+level)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return json.Unmarshal(out, result)
}

func (t *table) readLayers() error {
	var in struct {
		Layers []layer `json:"layers"`
	}
	if err := t.inspect(&in, ""); err != nil {
		return err
	}
	for _, l := range in.Layers {
		t.layers[l.Node] = l
	}
	return nil
}

// addColumn measures the model once. Steps without a weight of the list, as
// pools and conversions, are the row of others.
func (t *table) addColumn(level, mode string) error {
	var plan struct {
		Steps []step `json:"steps"`
	}
	if err := t.inspect(&plan, level, "--plan", "--measure", "--mode", mode); err != nil {
		return err
	}
	first := len(t.columns) == 0
	column := len(t.columns)
	t.columns = append(t.columns, mode+" "+level)
	for _, s := range plan.Steps {
		r := t.row(s)
		for len(r.times) <= column {
			r.times = append(r.times, 0)
		}
		r.times[column] += s.Measured
		if first {
			r.count++
			r.macs = s.MACs
		}
	}
	return nil
}

// row is the row of the layers of s's shape.
func (t *table) row(s step) *row {
	label, l := "others, all together", layer{}
	if len(s.Nodes) > 0 {
		if known, ok := t.layers[s.Nodes[0]]; ok {
			l = known
			label = fmt.Sprintf("%s %v to %s, d %d", l.Op, l.Shape, s.Shape, l.D)
		}
	}
	if t.byLabel[label] == nil {
		t.byLabel[label] = &row{label: label, layer: l}
		t.rows = append(t.rows, t.byLabel[label])
	}
	return t.byLabel[label]
}

func (t *table) print() {
	fmt.Printf("| weight, result | x | MMAC | d | K | KB | %s |\n", strings.Join(t.columns, " | "))
	fmt.Println(strings.Repeat("|---", 6+len(t.columns)) + "|")
	sums := make([]float64, len(t.columns))
	for _, r := range t.rows {
		label, _, _ := strings.Cut(r.label, ", d")
		per := float64(max(1, r.count))
		if r.layer.Node == "" {
			per = 1
		}
		fmt.Printf("| %s | %d | %.1f | %d | %d | %.1f |", label, r.count, float64(r.macs)/1e6, r.layer.D, r.layer.K, float64(r.layer.Bytes)/1024)
		for i := range t.columns {
			us := 0.0
			if i < len(r.times) {
				us = r.times[i]
			}
			sums[i] += us
			fmt.Printf(" %.0f |", us/per)
		}
		fmt.Println()
	}
	fmt.Print("| sum, ms | | | | | |")
	for _, us := range sums {
		fmt.Printf(" %.2f |", us/1e3)
	}
	fmt.Println()
}
