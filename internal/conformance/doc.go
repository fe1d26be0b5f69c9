// Package conformance runs the official ONNX backend test cases. It holds
// tests only.
package conformance
