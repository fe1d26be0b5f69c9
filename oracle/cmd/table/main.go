// Command table makes the table of the README from the real files: it
// compresses or converts every network, scores it before and after, and times
// it beside ONNX Runtime.
//
//	cd oracle && CGO_ENABLED=1 go run ./cmd/table [-only NAME] [-out DIR]
//
// It reads $LUTRA_DATA (default ../../shared/data) and takes about ten minutes
// on two cores. All commands it runs are printed on stderr.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// network is a row of the table.
type network struct {
	name     string
	model    string   // float or compressed file, below the data folder
	teacher  string   // float file of a released compressed one; "" if model is the float file
	flags    []string // preprocessing
	calib    []string // calibration set and its flags; nil: convert only
	compress []string // further flags of compress
	test     []string // labelled images and their flags; nil: none exist
}

var (
	imagenet = []string{"--preprocess", "imagenet"}
	cifar    = []string{"--preprocess", "cifar"}
	nips     = []string{"images/nips2017"}
	sample   = []string{"images/imagenet-sample", "--limit", "100"}
	lossless = []string{"cifar10", "--limit", "1000"}
	ic01     = []string{"cifar10/ic01"}
)

var networks = []network{
	{name: "ResNet-18", model: "models/imagenet/resnet18.onnx", flags: imagenet, calib: sample, test: nips},
	{name: "EtinyNet-1.0", model: "models/imagenet/etinynet.onnx", flags: []string{"--preprocess", "etinynet"}, calib: sample, test: nips},
	{name: "CIFAR ResNet-20", model: "models/cifar10/cifar10_resnet20.onnx", flags: cifar, calib: lossless, test: ic01},
	{name: "CIFAR ResNet-56", model: "models/cifar10/cifar10_resnet56.onnx", flags: cifar, calib: lossless, test: ic01},
	{name: "MLPerf Tiny ResNet-8", model: "models/mlperf-tiny/ic_resnet8.onnx", flags: []string{"--preprocess", "none"}, calib: lossless, test: ic01},
	{name: "MLPerf Tiny VWW", model: "models/mlperf-tiny/vww_mobilenetv1_025_96.onnx", flags: []string{"--preprocess", "unit", "--resize", "96", "--crop", "96"}, calib: sample},
	{name: "ResNet-18, kill-the-bits small", model: "compressed/kill-the-bits/resnet18_small_blocks.pth", teacher: "models/imagenet/resnet18.onnx", flags: imagenet, test: nips},
	{name: "ResNet-50, kill-the-bits large", model: "compressed/kill-the-bits/resnet50_large_blocks.pth", flags: imagenet, test: nips},
	{name: "ResNet-18, PQF", model: "compressed/pqf/resnet18.pth", teacher: "models/imagenet/resnet18.onnx", flags: imagenet, test: nips},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("table: ")
	only := flag.String("only", "", "make only the row of this name")
	out := flag.String("out", "", "folder for the compressed files (default: a temporary one)")
	flag.Parse()
	t := tool{data: os.Getenv("LUTRA_DATA"), out: *out}
	if t.data == "" {
		t.data = "../../shared/data"
	}
	if t.out == "" {
		dir, err := os.MkdirTemp("", "lutra-table")
		if err != nil {
			log.Fatal(err)
		}
		defer os.RemoveAll(dir)
		t.out = dir
	}
	t.build()
	fmt.Println("| network | float MiB | codebook MiB | ratio | top-1 float | top-1 codebook | same best class | lutra float ms / MB | lutra codebook ms / MB | ORT float ms / MB | ORT codebook ms / MB |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|")
	for _, n := range networks {
		if *only == "" || *only == n.name {
			fmt.Println(t.row(n))
		}
	}
}

// tool runs the command under test.
type tool struct{ data, out, lutra, versus string }

func (t *tool) build() {
	t.lutra, t.versus = filepath.Join(t.out, "lutra"), filepath.Join(t.out, "versus")
	t.shell("go", "build", "-C", "..", "-o", abs(t.lutra), "./cmd/lutra")
	t.shell("go", "build", "-o", t.versus, "./cmd/versus")
}

func abs(path string) string {
	p, err := filepath.Abs(path)
	if err != nil {
		log.Fatal(err)
	}
	return p
}

func (t *tool) shell(args ...string) []byte {
	fmt.Fprintln(os.Stderr, strings.Join(args, " "))
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		log.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return b
}

// run is a command of lutra with --json; its object is decoded into v.
func (t *tool) run(v any, args ...string) {
	if err := json.Unmarshal(t.shell(append(append([]string{t.lutra}, args...), "--json")...), v); err != nil {
		log.Fatal(err)
	}
}

// at puts the data folder in front of the first argument.
func (t *tool) at(args []string) []string {
	return append([]string{filepath.Join(t.data, args[0])}, args[1:]...)
}

func (t *tool) row(n network) string {
	model := filepath.Join(t.data, n.model)
	small := filepath.Join(t.out, strings.Map(fileRune, n.name)+".onnx")
	float := model
	if n.calib == nil {
		float = ""
		if n.teacher != "" {
			float = filepath.Join(t.data, n.teacher)
		}
		t.shell(t.lutra, "convert", model, "-o", small)
	} else {
		calib := t.at(n.calib)
		args := append([]string{t.lutra, "compress", model, "-o", small, "--calib"}, calib...)
		t.shell(append(append(args, n.flags...), n.compress...)...)
	}
	cells := []string{n.name, size(float), size(small), "", "", "", ""}
	if float != "" {
		cells[3] = fmt.Sprintf("%.1fx", float64(bytes(float))/float64(bytes(small)))
		cells[6] = t.agreement(n, float, small)
	}
	if n.test != nil {
		if float != "" {
			cells[4] = t.top1(n, float)
		}
		cells[5] = t.top1(n, small)
	}
	cells = append(cells, t.times(float, small)...)
	return "| " + strings.Join(cells, " | ") + " |"
}

func fileRune(r rune) rune {
	if r == ' ' || r == ',' {
		return '-'
	}
	return r
}

func bytes(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		log.Fatal(err)
	}
	return st.Size()
}

func size(path string) string {
	if path == "" {
		return ""
	}
	return fmt.Sprintf("%.2f", float64(bytes(path))/(1<<20))
}

func (t *tool) top1(n network, model string) string {
	var e struct {
		N    int
		Top1 float64
	}
	t.run(&e, append(append([]string{"eval", model}, t.at(n.test)...), n.flags...)...)
	return fmt.Sprintf("%.1f %% of %d", 100*e.Top1, e.N)
}

func (t *tool) agreement(n network, float, small string) string {
	set := n.test
	if set == nil {
		set = nips
	}
	var c struct {
		Agreement float64 `json:"agreement_top1"`
	}
	t.run(&c, append(append([]string{"compare", float, small, "--data"}, t.at(set)...), n.flags...)...)
	return fmt.Sprintf("%.1f %%", 100*c.Agreement)
}

// times are the cells for milliseconds and peak memory of both files in both
// engines, one thread, batch 1.
func (t *tool) times(float, small string) []string {
	cells := []string{"", "", "", ""}
	for i, path := range []string{float, small} {
		if path == "" {
			continue
		}
		var r []struct {
			ORT, Lutra struct{ Median, PeakMB float64 }
		}
		if err := json.Unmarshal(t.shell(t.versus, "-json", path), &r); err != nil {
			log.Fatal(err)
		}
		cells[i] = fmt.Sprintf("%.2f / %.0f", r[0].Lutra.Median, r[0].Lutra.PeakMB)
		cells[2+i] = fmt.Sprintf("%.2f / %.0f", r[0].ORT.Median, r[0].ORT.PeakMB)
	}
	return cells
}
