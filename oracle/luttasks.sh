#!/bin/bash
# Trains networks of lookup tables beside float twins - the same recipe, number
# of epochs and seed - and prints a row of the table "Tasks" of
# docs/training.md for each.
#
#   oracle/luttasks.sh [TASK...]     default: all
#
# EPOCHS overrides the epochs of every task, OUT keeps the networks in a
# folder (what it holds already is not trained again), LUTRA is the command.
# CPU seconds are those of training, tests included.
set -e -o pipefail
cd "$(dirname "$0")/.."
data=${LUTRA_DATA:-../shared/data}
out=${OUT:-$(mktemp -d)}
[ "$OUT" ] || trap 'rm -rf "$out"' EXIT
mkdir -p "$out"
lutra=${LUTRA:-$out/lutra}
[ "$LUTRA" ] || CGO_ENABLED=0 go build -o "$lutra" ./cmd/lutra
TIMEFORMAT=%U

# train FILE ARG...: CPU seconds go to FILE.seconds
train() {
	local file=$out/$1.onnx
	shift
	[ -e "$file" ] || { time "$lutra" train "$@" --threads 1 -o "$file" >"$file.log" 2>&1 || { cat "$file.log" >&2; return 1; }; } 2>"$file.seconds"
}

# score FILE MODE DATA...: percents right, or the mean square error
score() {
	local file=$out/$1.onnx mode=$2
	shift 2
	"$lutra" eval "$file" "$@" --mode "$mode" 2>/dev/null | sed -E 's/.*(top-1|error) ([0-9.e+-]+).*/\2/'
}

# task NAME EPOCHS NETWORK DATA TRAIN-OPTIONS LUT-OPTIONS EVAL-OPTIONS
task() {
	local name=$1 epochs=${EPOCHS:-$2} network=$3 set=$4 options=$5 lut=$6 eval=$7 from=
	[ -z "$only" ] || [[ " $only " = *" $name "* ]] || return 0
	[ -z "$set" ] || from="--data $set"
	train "$name" $network $from --epochs $epochs $options
	train "$name-lut" $network --lut $lut $from --epochs $epochs $options
	local float simulated integer same=
	float=$(score "$name" fp32 $set $eval)
	simulated=$(score "$name-lut" fp32 $set $eval)
	integer=$(score "$name-lut" lut $set $eval)
	if [ -n "$set" ] && [[ $name != autoencoder* ]]; then
		same=$("$lutra" compare "$out/$name-lut.onnx" "$out/$name-lut.onnx" --mode-b lut --data $set $eval 2>/dev/null | sed -nE 's/^same best class on ([0-9.]+ %).*/\1/p')
	fi
	local difference
	if [ -n "$same" ]; then
		difference=$(awk "BEGIN{printf \"%+.2f\", $integer-$float}")
	else
		difference=$(awk "BEGIN{printf \"%.3fx\", $integer/$float}")
	fi
	echo "| $name | $epochs | $lut | $float | $simulated | $integer | $difference | ${same:--} | $(cat "$out/$name.onnx.seconds") | $(cat "$out/$name-lut.onnx.seconds") |"
}

only=$*
mnist=$data/mnist cifar=$data/cifar10/cifar10-jpeg.tar.gz
echo "| task | epochs | tables | float twin | tables in float | \`--mode lut\` | difference | same class | CPU s float | CPU s tables |"
echo "|---|---|---|---|---|---|---|---|---|---|"
task parabola 60 parabola "" "" "--levels 32" ""
task parabola-256 60 parabola "" "" "--levels 256" ""
task mlp 8 mlp "$mnist" "" "--weights 100" "--split test"
task lenet 5 lenet "$mnist" "" "--weights 1000" "--split test"
task autoencoder-mnist 5 autoencoder-mnist "$mnist" "" "--weights 1000" "--split test"
task autoencoder-cifar 4 autoencoder-cifar "$cifar" "" "--weights 1000 --bound 2" "--split test"
task fsdd 40 ds-cnn-fsdd "$data/fsdd/recordings" "" "--weights 1000" "--split test"
task resnet8 10 resnet8 "$cifar" "--warm-up 0.5" "--weights 1000" "--split test"
task alexnet 2 alexnet-cifar "$cifar" "--warm-up 0.5" "--weights 1000" "--split test"
