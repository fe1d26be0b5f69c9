package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lutra"
	"lutra/oracle/ort"
)

// ready is the first line of a worker: how long loading took, up to and
// including the first inference, and that inference's output.
type ready struct {
	LoadMS float64
	Output []float32
}

// work answers numbers on in: n > 0 with the latencies of n inferences in
// milliseconds, 0 with the peak resident memory in MB, then it ends.
func work(engine, path string, s settings, in io.Reader, out io.Writer) error {
	start := time.Now()
	infer, err := load(engine, path, s)
	if err != nil {
		return err
	}
	first, err := infer()
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	if err := enc.Encode(ready{float64(time.Since(start)) / 1e6, first}); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			return err
		}
		if n == 0 {
			return enc.Encode(peakMB())
		}
		now := wallClock
		if s.CPUTime {
			now = cpuClock
		}
		ms := make([]float64, n)
		for i := range ms {
			t := now()
			if _, err := infer(); err != nil {
				return err
			}
			ms[i] = float64(now()-t) / 1e6
		}
		if err := enc.Encode(ms); err != nil {
			return err
		}
	}
	return lines.Err()
}

var birth = time.Now()

func wallClock() time.Duration { return time.Since(birth) }

// cpuClock is the processor time of all threads of the process: what other
// programs on the machine disturb least.
func cpuClock() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// load opens the model and returns one inference on a fixed input.
func load(engine, path string, s settings) (func() ([]float32, error), error) {
	x := noise(s.Shape)
	if engine == "ort" {
		session, err := ort.Open(path, s.Threads)
		if err != nil {
			return nil, err
		}
		return func() ([]float32, error) {
			y, err := session.Run(x)
			if err != nil {
				return nil, err
			}
			return y[0].Float32s(), nil
		}, nil
	}
	m, err := lutra.Open(path, lutra.Options{Threads: s.Threads, CPU: os.Getenv("LUTRA_CPU"), Mode: s.Mode})
	if err != nil {
		return nil, err
	}
	session, err := m.NewSession()
	if err != nil {
		return nil, err
	}
	return func() ([]float32, error) {
		y, err := session.Predict(context.Background(), x)
		if err != nil {
			return nil, err
		}
		return y.Float32s(), nil
	}, nil
}

// noise is the same input for both engines.
func noise(shape []int) *lutra.Tensor {
	x := lutra.NewTensor(make([]float32, lutra.Shape(shape).Elems()), shape...)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(rng.NormFloat64())
	}
	return x
}

func peakMB() float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kb float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kb); err == nil {
			return kb / 1024
		}
	}
	return 0
}
