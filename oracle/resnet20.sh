#!/bin/bash
# CIFAR ResNet-20 from scratch on the JPEG images of $LUTRA_DATA: the rows of
# docs/training.md, "ResNet-20 on JPEG images". Its weights start at random and
# see nothing but the training images; test images are only evaluated on. About
# seven hours of one core; a step is left out where its file is there already.
#
#	resnet20.sh        (Debian's python3-onnx for oracle/mean.py)
#	OUT=DIR            keeps the files, from which a second run goes on (default: a temporary folder)
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
data=$(realpath "${LUTRA_DATA:-../../shared/data}")
out=${OUT:-$(mktemp -d)}
mkdir -p "$out"
out=$(realpath "$out")
(cd ../cmd/lutra && CGO_ENABLED=0 go build -o "$out/lutra" .)
cd "$out"
images=$data/cifar10/cifar10-jpeg.tar.gz

# learn NAME MODEL FLAGS... makes NAME.onnx.
learn() {
	[ -e "$1.onnx" ] && return
	local go_on=()
	[ -e "$1.onnx.checkpoint" ] && go_on=(--resume)
	./lutra train "$2" --data "$images" -o "$1.onnx" --optimizer sgd --batch 128 --weight-decay 5e-4 --log "$1.jsonl" "${go_on[@]}" "${@:3}"
}
score() { echo "$1: $(./lutra eval "$1.onnx" "$images" --split test "${@:2}" 2>/dev/null | tail -1)"; }

# From labels alone.
learn first resnet20 --epochs 60
learn second first.onnx --epochs 52 --lr 0.06 --warm-up 0.5 --label-smoothing 0.1 --augment crop:4,flip,cutout:8 --seed 2
learn aligned second.onnx --epochs 3 --lr 0.005 --warm-up 0.2 --augment flip --seed 5

# A teacher: the mean of both and of the published ResNet-56, after four epochs
# on these images. (Its batch normalisations are folded: it needs small steps.)
learn deep "$data/models/cifar10/cifar10_resnet56.onnx" --preprocess cifar --epochs 4 --lr 0.002 --clip 1 --warm-up 0.2 --augment crop:4,flip --seed 3
[ -e teacher.onnx ] || /usr/bin/python3 "$here/mean.py" teacher.onnx second.onnx first.onnx deep.onnx
taught=(--teacher teacher.onnx --teacher-mode bf16)
learn taught second.onnx "${taught[@]}" --epochs 50 --lr 0.06 --warm-up 0.5 --augment crop:4,flip,cutout:8 --seed 7
learn last taught.onnx "${taught[@]}" --epochs 5 --lr 0.01 --warm-up 0.2 --augment flip --seed 8

for name in first second aligned deep teacher taught last; do
	score "$name"
done
