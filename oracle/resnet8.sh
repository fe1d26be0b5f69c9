#!/bin/sh
# Turns MLPerf Tiny's image classifier (ResNet-8, float ONNX) into a network of
# lookup tables of 256 pairs that layers share, and runs it on emulated cores:
# "Trained networks" in docs/embedded.md. It learns the float network's scores
# on training images of CIFAR-10, without labels, and is tested there on some
# that are held out; the 200 images of ic01 are looked at once, at the end.
# About three minutes of processor time.
#
#	./resnet8.sh [FOLDER]      keeps the networks there
set -e
out=${1:+$(realpath "$1")}
cd "$(dirname "$0")"
data=$(realpath "${LUTRA_DATA:-../../shared/data}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=${out:-$work}
(cd .. && go build -o "$work/lutra" ./cmd/lutra)
go build -o "$work/cores" ./cmd/cores
mkdir "$work/lossless"
ln -s "$data"/cifar10/cifar10_batch_*.png "$data/cifar10/lossless_train_labels.txt" "$work/lossless"
float=$data/models/mlperf-tiny/ic_resnet8.onnx test=$data/cifar10/ic01/y_labels.csv
train() {
	"$work/lutra" train "$@" --teacher "$float" --teacher-weight 1 --preprocess none --batch 64 --threads 1 2>"$work/log" || {
		cat "$work/log" >&2
		exit 1
	}
}

# The conversion alone, then codewords and biases: codes stay as they are.
train "$float" --lut --levels 32 --pairs 256 --weights 32 --equalise 0.25 --first-weights 32 --input-levels 64 \
	--data "$work/lossless" --limit 1024 --augment none --epochs 1 --lr 1e-9 -o "$out/converted.onnx"
train "$out/converted.onnx" --data "$work/lossless" --data "$data/cifar10/cifar10-jpeg.tar.gz" --hold-out 0.02 --limit 20000 \
	--augment flip,crop:2 --epochs 3 --lr 2e-3 -o "$out/codewords.onnx"
train "$out/codewords.onnx" --data "$work/lossless" --hold-out 0.25 \
	--augment flip --epochs 8 --lr 1e-3 --ema 0.995 -o "$out/resnet8.onnx"
"$work/lutra" eval "$float" "$test" --preprocess none 2>/dev/null
"$work/lutra" eval "$out/resnet8.onnx" "$test" --mode lut 2>/dev/null
"$work/lutra" compare "$float" "$out/resnet8.onnx" --data "$test" --preprocess none 2>/dev/null | head -1
"$work/cores" -data "$test" "$out/resnet8.onnx" | sed "s|$out/||"
