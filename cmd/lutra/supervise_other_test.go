//go:build !linux || !(amd64 || arm64)

package main

const superviseVariable = "LUTRA_TEST_SUPERVISED"

func superviseSelf() { panic("only Linux supervises") }
