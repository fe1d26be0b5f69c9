#!/bin/bash
# What each ingredient of tuning buys at the same bytes and on the same images:
# the rows of the table "What each ingredient of tuning bought" of
# docs/compression.md. Every seed draws its own images from three quarters of the
# lossless CIFAR-10 training images; a fifth of them is held out, from the fit as
# from the tuning. Files are scored on images that are never learned from: ic01,
# the last quarter beside the float network, and the JPEG test set.
#
#	ingredients.sh CASE...    r20 r8 r8-64
#	SEEDS="1 2 3" IMAGES=1500 EPOCHS=3 STEPS=20 SCORED=500
#	ROWS=PATTERN (only rows whose names match, as "compress|after")
#	OUT=DIR (keeps files and results.tsv; what is there is not made again)
#	ingredients.sh            prints the table of OUT/results.tsv
set -euo pipefail
cd "$(dirname "$0")"
data=$(realpath "${LUTRA_DATA:-../../shared/data}")
out=${OUT:-$(mktemp -d)}
mkdir -p "$out"
out=$(realpath "$out")
images=${IMAGES:-1500} epochs=${EPOCHS:-3} steps=${STEPS:-20} scored=${SCORED:-500}
[ $# = 0 ] || (cd ../cmd/lutra && CGO_ENABLED=0 go build -o "$out/lutra" .)
cd "$out"

cifar=$data/cifar10
mkdir -p lossless other
ln -sf "$cifar"/cifar10_batch_[012].png "$cifar/lossless_train_labels.txt" lossless/
ln -sf "$cifar"/cifar10_batch_3.png "$cifar/lossless_train_labels.txt" other/
how="--batch 32 --augment flip --hold-out 0.2"

lutra() { ./lutra "$@" --threads "${THREADS:-1}"; }

# number KEY prints the number of that name of a JSON object.
number() { sed -n "s/^ *\"$1\": \([0-9.e+-]*\),*$/\1/p" | head -1; }

# known ROW says whether there is a result, or none is wanted.
known() { [[ ! $1 =~ ${ROWS:-.} ]] || { [ -f results.tsv ] && grep -q "^$case	$seed	$1	" results.tsv; }; }

# score ROW FILE appends a line of results: case, seed, row, bytes, right answers
# of ic01, agreement (%) and error of the scores on the others, top-1 (%) of JPEG.
score() {
	! known "$1" || return 0
	local pair
	pair=$(lutra compare "$model" "$2" --data other --limit "$scored" --preprocess "$pre" --json 2>/dev/null)
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$case" "$seed" "$1" "$(stat -c %s "$2")" \
		"$(lutra eval "$2" "$cifar/ic01" --json 2>/dev/null | number top1 | awk '{ print 200*$1 }')" \
		"$(number agreement_top1 <<<"$pair" | awk '{ print 100*$1 }')" "$(number mean_rel_error <<<"$pair")" \
		"$(lutra eval "$2" "$cifar/cifar10-jpeg.tar.gz" --split test --limit "$scored" --json 2>/dev/null | number top1 | awk '{ print 100*$1 }')" | tee -a results.tsv
}

# row NAME FROM FLAGS... tunes FROM.
row() {
	! known "$1" || return 0
	local file=$case-$seed-${1//[ ,]/-}.onnx
	rm -f "$file.checkpoint" # of an interrupted run
	lutra tune "$2" --teacher "$model" --data lossless --limit "$images" --seed "$seed" $how --epochs "$epochs" -o "$file" "${@:3}" >/dev/null 2>>log
	score "$1" "$file"
}

# fit FILE FLAGS... compresses with the images that tuning will learn from.
fit() {
	[ ! -f "$1" ] || return 0
	lutra compress "$model" -o "$1" --ranges none --seed "$seed" --calib lossless --limit "$images" --preprocess "$pre" \
		--tune ${how//--/--tune-} --tune-epochs 0 "${@:2}" >/dev/null 2>>log
}

# rows FLAGS... compresses the model of the case with them, and tunes, for every seed.
rows() {
	for seed in ${SEEDS:-1 2 3}; do
		local fit=$case-$seed.onnx each=$case-$seed-each.onnx
		fit "$fit" "$@"
		score "compress only" "$fit"
		row "all parameters" "$fit"
		row "codewords only" "$fit" --codewords-only
		row "codewords only, mean gradient, SGD" "$fit" --codewords-only --mean-gradient --optimizer sgd --lr 0.01
		row "all, codes" "$fit" --codes 10 --drift 20 --codes-share 0.01
		row "all, pieces" "$fit" --pieces 2
		row "all, labels" "$fit" --teacher-weight 0.5
		known "after each layer" || fit "$each" "$@" --tune-lr 0.003 --tune-after-each "$steps"
		score "after each layer" "$each"
		row "after each layer, then all" "$each"
	done
}

shared=(--share --codebook int8)
r20() { model=$data/models/cifar10/cifar10_resnet20.onnx pre=cifar rows "${shared[@]}" --rule 'onnx*=d:6,k:256'; }
r8() { model=$data/models/mlperf-tiny/ic_resnet8.onnx pre=none rows "${shared[@]}" --rule '*=d:3,k:256'; }
r8-64() { model=$data/models/mlperf-tiny/ic_resnet8.onnx pre=none rows --blocks small --k 64; }

for case in "$@"; do "$case"; done
[ -f results.tsv ] || exit 0

# The table: mean ± standard deviation over the seeds.
awk -F'\t' '
	{ key = $1 FS $3; if (!(key in n)) order[++rows] = key; n[key]++; for (i = 4; i <= 8; i++) { s[key, i] += $i; q[key, i] += $i * $i } }
	function cell(k, i, form,    m, v) { m = s[k, i] / n[k]; if (n[k] == 1) return sprintf(form, m); v = q[k, i] / n[k] - m * m; v = v > 0 ? sqrt(v * n[k] / (n[k] - 1)) : 0; return sprintf(form " ± " form, m, v) }
	END {
		print "| network | tuned | seeds | bytes | ic01 | agreement, % | error of scores | JPEG, % |\n|---|---|---|---|---|---|---|---|"
		for (r = 1; r <= rows; r++) {
			k = order[r]; split(k, name, FS)
			printf "| %s | %s | %d | %.0f | %s | %s | %s | %s |\n", name[1], name[2], n[k], s[k, 4] / n[k], cell(k, 5, "%.1f"), cell(k, 6, "%.1f"), cell(k, 7, "%.3f"), cell(k, 8, "%.1f")
		}
	}' results.tsv
