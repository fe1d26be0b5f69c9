// Command peer is lutra as one more worker of a side-by-side benchmark of
// inference engines (oracle/peers.sh). Its protocol is one line each way:
//
//	READY load_ms=12.3 first_ms=4.5 relerr=-    after loading and one inference
//	RUN n    is answered by the latencies of n inferences in milliseconds
//	END      is answered by "HWM kB RSS kB", the resident memory, and the end
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"lutra"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("peer: ")
	model := flag.String("model", "", "ONNX file")
	mode := flag.String("mode", "fp32", "arithmetic")
	threads := flag.Int("threads", 1, "threads")
	batch := flag.Int("batch", 1, "images per inference")
	flag.Parse()
	if err := serve(*model, *mode, *threads, *batch, os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// serve loads the model and answers the lines of in.
func serve(path, mode string, threads, batch int, in io.Reader, out io.Writer) error {
	start := time.Now()
	m, err := lutra.Open(path, lutra.Options{Threads: threads, Mode: mode, CPU: os.Getenv("LUTRA_CPU")})
	if err != nil {
		return err
	}
	session, err := m.NewSession()
	if err != nil {
		return err
	}
	loaded := time.Now()
	x := m.SampleInputs(batch, 1)
	infer := func() error {
		_, err := session.Run(context.Background(), x)
		return err
	}
	first := time.Now()
	if err := infer(); err != nil {
		return err
	}
	fmt.Fprintf(out, "READY load_ms=%.1f first_ms=%.1f relerr=-\n", millis(loaded.Sub(start)), millis(time.Since(first)))
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if lines.Text() == "END" {
			_, err := fmt.Fprintf(out, "HWM %s RSS %s\n", status("VmHWM"), status("VmRSS"))
			return err
		}
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "RUN %d", &n); err != nil {
			return fmt.Errorf("%q is not RUN n or END", lines.Text())
		}
		for range n {
			t := time.Now()
			if err := infer(); err != nil {
				return err
			}
			fmt.Fprintf(out, "%.6f ", millis(time.Since(t)))
		}
		fmt.Fprintln(out)
	}
	return lines.Err()
}

func millis(d time.Duration) float64 { return float64(d) / 1e6 }

// status is a line of /proc/self/status in kB.
func status(key string) string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "0"
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && k == key {
			return strings.Fields(v)[0]
		}
	}
	return "0"
}
