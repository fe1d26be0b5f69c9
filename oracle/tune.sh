#!/bin/bash
# Compresses and tunes the networks of $LUTRA_DATA: the rows of the table
# "Tuning" of BENCHMARKS.md. Prints bytes and top-1 before and after. Test images
# (ic01, the test part of the JPEG archive, nips2017) are only evaluated on.
#
#	tune.sh CASE...    r20 r56 r8 r18 r18-float16 r18-large etiny vww
#	OUT=DIR            keeps the files (default: a temporary folder)
set -euo pipefail
cd "$(dirname "$0")"
data=$(realpath "${LUTRA_DATA:-../../shared/data}")
out=${OUT:-$(mktemp -d)}
mkdir -p "$out"
out=$(realpath "$out")
threads=${THREADS:-2}
(cd ../cmd/lutra && CGO_ENABLED=0 go build -o "$out/lutra" .)
cd "$out"

# The 4,000 lossless CIFAR-10 training images, without the test set beside them.
cifar=$data/cifar10
mkdir -p lossless
ln -sf "$cifar"/cifar10_batch_*.png "$cifar/lossless_train_labels.txt" lossless/
jpeg=$cifar/cifar10-jpeg.tar.gz
images=$data/images/imagenet-sample

# shrink NAME MODEL FLAGS... compresses, tune NAME MODEL FLAGS... tunes.
shrink() { ./lutra compress "$2" -o "$1.onnx" --ranges none --threads "$threads" "${@:3}" 2>/dev/null | tail -1; }
tune() { ./lutra tune "$1.onnx" --teacher "$2" -o "$1-tuned.onnx" --threads "$threads" "${@:3}"; }

# score NAME FLAGS... evaluates both files.
score() {
	for file in "$1.onnx" "$1-tuned.onnx"; do
		echo "$(stat -c %s "$file") bytes, $(./lutra eval "$file" "${@:2}" 2>/dev/null | tail -1)"
	done
}

cifar() { # NAME MODEL: a CIFAR ResNet at a sixteenth of its bytes
	shrink "$1" "$2" --share --codebook int8 --rule 'onnx*=d:6,k:256' --calib lossless --limit 1000 --preprocess cifar
	tune "$1" "$2" --data lossless --data "$jpeg" --limit 7000 --augment crop:4,flip --batch 64 --hold-out 0.06 --epochs 1 \
		--lr 0.002 --teacher-weight 0.5
	score "$1" "$cifar/ic01"
	score "$1" "$jpeg" --split test
}

r20() { cifar r20 "$data/models/cifar10/cifar10_resnet20.onnx"; }
r56() { cifar r56 "$data/models/cifar10/cifar10_resnet56.onnx"; }

r8() {
	local m=$data/models/mlperf-tiny/ic_resnet8.onnx
	shrink r8 "$m" --share --codebook int8 --rule '*=d:3,k:256' --calib lossless --limit 3600 --preprocess none
	tune r8 "$m" --data lossless --data "$jpeg" --limit 16000 --augment crop:4,flip --batch 64 --hold-out 0.03 --epochs 1 \
		--teacher-weight 0.5
	score r8 "$cifar/ic01"
}

resnet18() { # NAME FLAGS...
	local m=$data/models/imagenet/resnet18.onnx
	shrink "$1" "$m" --calib "$images" --limit 400 --preprocess imagenet "${@:2}"
	tune "$1" "$m" --data "$images" --augment flip --batch 16 --hold-out 0.1 --lr 0.0003 --epochs 2
	score "$1" "$data/images/nips2017"
}

r18() { resnet18 r18; }
r18-float16() { resnet18 r18-float16 --codebook float16 --k-linear 1024; }

r18-large() {
	resnet18 r18-large --blocks large --codebook int8 --k-linear 2048 --rule '/Conv_(214|229|244)/=d:4' \
		--rule '/Conv_(196|199|202|205|208|211|217|220|223)/=d:9'
}

# Finer blocks for what half precision saves elsewhere.
etiny() {
	local m=$data/models/imagenet/etinynet.onnx
	shrink etiny "$m" --share --codebook int8 --half-vectors --shrink --rule '*pw*=d:2,k:256' --rule 'pred*=d:4,k:2048' \
		--rule 'conv.weight=storage:float16' --rule '*=d:1,k:256' --calib "$images" --limit 400 --preprocess etinynet
	tune etiny "$m" --data "$images" --augment flip --batch 16 --hold-out 0.2 --lr 0.00005 --epochs 2
	score etiny "$data/images/nips2017"
}

# There are no labels for persons here: eval would score the 1,000 classes of
# the images. What counts is how often both networks choose the same class.
vww() {
	local m=$data/models/mlperf-tiny/vww_mobilenetv1_025_96.onnx input=(--preprocess unit --resize 96 --crop 96)
	shrink vww "$m" --share --codebook int8 --rule '*=d:4,k:512' --calib "$images" --limit 400 "${input[@]}"
	tune vww "$m" --data "$images" "${input[@]}" --augment flip,crop:4 --batch 16 --hold-out 0.1 --lr 0.001 --epochs 6
	for file in vww.onnx vww-tuned.onnx; do
		echo "$(stat -c %s $file) bytes, $(./lutra compare "$m" $file --data "$data/images/nips2017" "${input[@]}" 2>/dev/null | grep '^same best class')"
	done
}

for name in "$@"; do
	echo "== $name"
	"$name"
done
