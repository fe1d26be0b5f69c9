#!/bin/sh
# Times lutra's fp32 engine beside ONNX Runtime: the tables "fp32" of
# BENCHMARKS.md. Needs Debian's python3-torch and python3-torchvision for the
# networks that $LUTRA_DATA does not hold.
set -e
cd "$(dirname "$0")"
data=${LUTRA_DATA:-../../shared/data}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
./fetch.sh >/dev/null
/usr/bin/python3 -W ignore zoo/export.py "$work" --size 224 resnet50 mobilenet_v2 >/dev/null
CGO_ENABLED=1 go build -o "$work/versus" ./cmd/versus
large="$data/models/imagenet/resnet18.onnx $work/resnet50.onnx $data/models/imagenet/etinynet.onnx $work/mobilenet_v2.onnx"
small="$data/models/cifar10/cifar10_resnet20.onnx $data/models/cifar10/cifar10_resnet56.onnx
	$data/models/mlperf-tiny/ic_resnet8.onnx $data/models/mlperf-tiny/vww_mobilenetv1_025_96.onnx"
echo "one thread, batch 1"; echo
"$work/versus" $large $small
echo; echo "two threads, batch 1"; echo
"$work/versus" -threads 2 $large
echo; echo "one thread, batch 8"; echo
"$work/versus" -batch 8 -rounds 9 $large
