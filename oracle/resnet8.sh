#!/bin/sh
# Turns MLPerf Tiny's image classifier (ResNet-8, float ONNX) into a network of
# lookup tables of 256 pairs that layers share, and runs it on emulated cores:
# "Trained networks" in docs/embedded.md. It learns the float network's scores
# on training images of CIFAR-10, without labels, and is tested there on some
# that are held out; the 200 images of ic01 are looked at once, at the end.
# About SECONDS minutes of processor time.
#
#	./resnet8.sh [OUT.onnx]
set -e
cd "$(dirname "$0")"
data=$(realpath "${LUTRA_DATA:-../../shared/data}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$(realpath "${1:-$work/resnet8.onnx}")
(cd .. && go build -o "$work/lutra" ./cmd/lutra)
go build -o "$work/cores" ./cmd/cores
mkdir "$work/lossless"
ln -s "$data"/cifar10/cifar10_batch_*.png "$data/cifar10/lossless_train_labels.txt" "$work/lossless"
float=$data/models/mlperf-tiny/ic_resnet8.onnx test=$data/cifar10/ic01/y_labels.csv
