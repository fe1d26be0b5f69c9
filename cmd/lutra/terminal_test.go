package main

import (
	"bytes"
	"testing"
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
