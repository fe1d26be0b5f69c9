// Package ort runs ONNX files in ONNX Runtime, as the oracle of lutra's tests
// and the peer of its benchmarks. It loads the shared library that the npm
// package onnxruntime-node contains; see fetch.sh.
package ort

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	api "github.com/yalue/onnxruntime_go"

	"lutra"
)

// Library is the path of the shared library: $ORT_LIBRARY, or where fetch.sh puts it.
func Library() string {
	if p := os.Getenv("ORT_LIBRARY"); p != "" {
		return p
	}
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1")
}

// start initialises the process-wide environment that the C API demands, once.
var start = sync.OnceValue(func() error {
	lib := Library()
	if _, err := os.Stat(lib); err != nil {
		return fmt.Errorf("%w (run oracle/fetch.sh)", err)
	}
	api.SetSharedLibraryPath(lib)
	return api.InitializeEnvironment(api.WithLogLevelError())
})

// Session is a loaded model. It is used by one goroutine at a time.
type Session struct {
	Inputs, Outputs []string
	s               *api.DynamicAdvancedSession
}

// Open loads an ONNX file for a number of threads.
func Open(path string, threads int) (*Session, error) {
	if err := start(); err != nil {
		return nil, err
	}
	o, err := api.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer o.Destroy()
	err = errors.Join(o.SetIntraOpNumThreads(threads), o.SetInterOpNumThreads(1),
		o.AddSessionConfigEntry("session.force_spinning_stop", "1"))
	if err != nil {
		return nil, err
	}
	in, out, err := api.GetInputOutputInfo(path)
	if err != nil {
		return nil, err
	}
	s := &Session{Inputs: names(in), Outputs: names(out)}
	s.s, err = api.NewDynamicAdvancedSession(path, s.Inputs, s.Outputs, o)
	return s, err
}

func names(infos []api.InputOutputInfo) []string {
	out := make([]string, len(infos))
	for i, v := range infos {
		out[i] = v.Name
	}
	return out
}

// Run computes the outputs, all float32, for float32 inputs in the order of s.Inputs.
func (s *Session) Run(inputs ...*lutra.Tensor) ([]*lutra.Tensor, error) {
	in := make([]api.Value, len(inputs))
	for i, t := range inputs {
		dims := make([]int64, len(t.Shape))
		for j, d := range t.Shape {
			dims[j] = int64(d)
		}
		v, err := api.NewTensor(api.NewShape(dims...), t.Float32s())
		if err != nil {
			return nil, err
		}
		defer v.Destroy()
		in[i] = v
	}
	out := make([]api.Value, len(s.Outputs))
	if err := s.s.Run(in, out); err != nil {
		return nil, err
	}
	results := make([]*lutra.Tensor, len(out))
	for i, v := range out {
		t, ok := v.(*api.Tensor[float32])
		if !ok {
			return nil, fmt.Errorf("output %q is not float32", s.Outputs[i])
		}
		shape := make([]int, len(t.GetShape()))
		for j, d := range t.GetShape() {
			shape[j] = int(d)
		}
		results[i] = lutra.NewTensor(append([]float32(nil), t.GetData()...), shape...)
		v.Destroy()
	}
	return results, nil
}

// Close releases the session.
func (s *Session) Close() error { return s.s.Destroy() }

// Difference is max |got - want| / max |want|: how far outputs are apart,
// relative to the largest; infinite if their numbers differ.
func Difference(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var diff, scale float64
	for i := range got {
		diff = max(diff, math.Abs(float64(got[i])-float64(want[i])))
		scale = max(scale, math.Abs(float64(want[i])))
	}
	return diff / scale
}
