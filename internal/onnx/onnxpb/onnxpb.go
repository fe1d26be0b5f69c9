// Package onnxpb holds the protobuf messages of ONNX files, generated from
// lutra_onnx.proto. To regenerate, run go generate with protoc on the path; a test
// compares.
package onnxpb

//go:generate go build -o protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go
//go:generate protoc --plugin=./protoc-gen-go --go_out=. --go_opt=paths=source_relative lutra_onnx.proto
//go:generate rm protoc-gen-go
