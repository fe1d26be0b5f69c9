package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"lutra"
)

// TestPrintTable: long names do not push numbers off the screen.
func TestPrintTable(t *testing.T) {
	var b bytes.Buffer
	err := printTable(&b, [][]string{
		{"weight", "bytes"},
		{"conv1.weight", "864"},
		{"model/batch_normalization_1/FusedBatchNormV3;model/depthwise_conv2d/depthwise;model/BiasAdd", "12"},
		{"größe/ähnlich/für/öffnungen/über/äußere/schichten/né", "1"},
	})
	const want = `weight                                            bytes
conv1.weight                                        864
model/batch_normalization_1/Fuse…e;model/BiasAdd     12
größe/ähnlich/für/öffnungen/über…re/schichten/né      1
`
	if err != nil || b.String() != want {
		t.Errorf("%v\n%s\nexpected\n%s", err, b.String(), want)
	}
}

// TestPrintTableLeavesOut: columns that say nothing are not there.
func TestPrintTableLeavesOut(t *testing.T) {
	for _, c := range []struct {
		rows [][]string
		want string
	}{
		{[][]string{{"weight", "d", "bytes", "error"}, {"a", "", "1", ""}, {"b", "", "", ""}}, "weight  bytes\na           1\nb\n"},
		{[][]string{{"weight", "d"}}, "weight  d\n"},
	} {
		var b bytes.Buffer
		if err := printTable(&b, c.rows); err != nil || b.String() != c.want {
			t.Errorf("%v: %q, want %q", err, b.String(), c.want)
		}
	}
}

// TestStatusOfResumed: what was done before counts in the share, not in the rate.
func TestStatusOfResumed(t *testing.T) {
	var out bytes.Buffer
	s := newStatus(&out)
	s.restart(30)
	s.start = s.start.Add(-20 * time.Second)
	s.last = s.start
	s.show("epoch 4 of 10", 40, 100) // 10 in 20 s: 60 more take 120
	if got, want := out.String(), " 40% epoch 4 of 10, 2m0s left\n"; got != want {
		t.Errorf("%q, expected %q", got, want)
	}
}

// TestNameless: who sees names that PyTorch made up is told where layers have names.
func TestNameless(t *testing.T) {
	for _, c := range []struct {
		layer lutra.Layer
		told  bool
	}{
		{lutra.Layer{Name: "onnx::Conv_196"}, true},
		{lutra.Layer{Name: "onnx::Conv_196", Node: "/layer1/layer1.0/conv1/Conv"}, false},
		{lutra.Layer{Name: "layer1.0.conv1.weight"}, false},
	} {
		var out bytes.Buffer
		cmd := &cobra.Command{}
		cmd.SetOut(&out)
		if err := printNameless(cmd, &lutra.Inspection{Layers: []lutra.Layer{c.layer}}); err != nil || strings.Contains(out.String(), "--reference MODEL") != c.told {
			t.Errorf("%+v: %q, error %v", c.layer, &out, err)
		}
	}
}
