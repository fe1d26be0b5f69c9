#!/bin/sh
# Trains MLPerf Tiny's anomaly detector on sounds of machines that it makes
# itself (cmd/machines), in floating point and as lookup tables, and runs it on
# emulated cores: "Trained networks" in docs/embedded.md. Half a minute of
# processor time.
#
#	./ad.sh [PAIRS]      256
set -e
cd "$(dirname "$0")"
pairs=${1:-256}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd .. && go build -o "$work/lutra" ./cmd/lutra)
go run ./cmd/machines -o "$work"
train() { "$work/lutra" train "$@" --data "$work/train.npy" --threads 1 >/dev/null 2>&1; }
train autoencoder-ad --epochs 20 -o "$work/float.onnx"
# The conversion alone, then the codewords: codes stay as they are.
train "$work/float.onnx" --lut --pairs "$pairs" --equalise 0.5 --output-levels 249 --epochs 1 --lr 1e-9 -o "$work/converted.onnx"
train "$work/converted.onnx" --epochs 10 --lr 1e-3 -o "$work/tables.onnx"
go run ./cmd/cores -float "$work/float.onnx" -vectors "$work/test.npy" -labels "$work/test.csv" "$work/tables.onnx" | sed "s|$work/||"
