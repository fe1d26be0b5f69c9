#!/bin/sh
# Turns MLPerf Tiny's float network for keywords (.tflite) into networks of
# lookup tables and runs them on emulated cores: "Trained networks" in
# docs/embedded.md. Of the 500 inputs every one is scored by a network that has
# not seen it: five networks learn the float network's scores on 400 inputs
# each, without labels. About two minutes of processor time.
#
#	./kws.sh [PAIRS [FIRST-WEIGHTS]]      256 16
set -e
cd "$(dirname "$0")"
data=$(realpath "${LUTRA_DATA:-../../shared/data}")
pairs=${1:-256} first=${2:-16}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd .. && go build -o "$work/lutra" ./cmd/lutra)
go build -o "$work/cores" ./cmd/cores
ln -s "$data/kws/mfcc" "$work/mfcc"
"$work/lutra" convert "$data/models/mlperf-tiny/tflite/kws_ref_model_float32.tflite" -o "$work/kws.onnx" >/dev/null
train="$work/lutra train --teacher $work/kws.onnx --preprocess kws --threads 1 --teacher-weight 1 --batch 20"
for k in 0 1 2 3 4; do
	awk "NR%5==$k" "$data/kws/mfcc_labels.csv" >"$work/test.csv"
	awk "NR%5!=$k" "$data/kws/mfcc_labels.csv" >"$work/train.csv"
	# The conversion alone, then the codewords: codes stay as they are.
	$train "$work/kws.onnx" --lut --pairs "$pairs" --weights 32 --first-weights "$first" \
		--input-levels 64 --input-share 0.985 --equalise 0.5 --augment none --epochs 1 --lr 1e-9 \
		--data "$work/train.csv" --test "$work/test.csv" -o "$work/converted.onnx" >/dev/null 2>&1
	$train "$work/converted.onnx" --augment shift:2,noise:3 --epochs 40 --lr 4e-3 \
		--data "$work/train.csv" --test "$work/test.csv" -o "$work/net$k.onnx" >/dev/null 2>&1
	echo "inputs $k mod 5, not seen:"
	"$work/lutra" eval "$work/kws.onnx" "$work/test.csv" --preprocess kws 2>/dev/null | sed 's/.*top-1/float: top-1/'
	"$work/lutra" compare "$work/kws.onnx" "$work/net$k.onnx" --data "$work/test.csv" --preprocess kws 2>/dev/null | head -1
	"$work/cores" -data "$work/test.csv" "$work/net$k.onnx" | sed "s|$work/||"
done
echo "all inputs:"
"$work/cores" -data "$data/kws/mfcc_labels.csv" "$work/net0.onnx" | sed "s|$work/||"
