#!/bin/bash
# Times lutra beside ONNX Runtime and oneDNN in fp32, bf16 and int8: the tables
# "peers" of BENCHMARKS.md. Needs the harness and models of $LUTRA_PEERS (see
# its README; default ../../shared/peers), and of Debian: python3-torch,
# python3-torchvision, python3-onnx, libdnnl-dev, g++.
#
#	peers.sh [WORK]    WORK is kept, and what is there is not built again
set -euo pipefail
cd "$(dirname "$0")"
peers=${LUTRA_PEERS:-../../shared/peers}
data=${LUTRA_DATA:-../../shared/data}
work=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
work=$(realpath "$work")
./fetch.sh >/dev/null
[ -e "$work/bench.py" ] || cp -r "$peers/." "$work"
ln -sfn "$PWD" "$work/npm"
(cd ../cmd/lutra && CGO_ENABLED=0 go build -o "$work/lutra" .)
CGO_ENABLED=1 go build -o "$work/peer" ./cmd/peer

models() { # once: networks of the peers, and lutra's files
	cd "$work"
	[ -x onednn/worker ] || g++ -O2 -std=c++14 onednn/worker.cpp -o onednn/worker -ldnnl -fopenmp
	[ -x noamx ] || gcc -O2 noamx.c -o noamx
	[ -x go_ort/ort_worker ] || (cd go_ort && CGO_ENABLED=1 go build -o ort_worker .)
	if [ ! -e models/resnet50.net.bin ]; then
		mkdir -p models
		for step in make_models make_qdq export_net; do /usr/bin/python3 -W ignore $step.py models >/dev/null; done
	fi
	local ktb=$data/compressed/kill-the-bits sample=$data/images/imagenet-sample
	for n in "resnet18 resnet18_small_blocks" "resnet50 resnet50_large_blocks"; do
		set -- $n
		[ -e models/$1.lutra.onnx ] && continue
		./lutra convert "$ktb/$2.pth" -o models/$1.codes.onnx
		./lutra calibrate models/$1.codes.onnx --data "$sample" --limit 32 -o models/$1.lutra.onnx
	done
}
data=$(realpath "$data")
(models)

cat >"$work/lutra_bench.py" <<'PY'
# bench.py with lutra as one more peer: codebook files of the same networks.
import runpy, sys
source = open("bench.py").read().replace("\nmain()\n", "\n")
exec(compile(source, "bench.py", "exec"))
def lutra(mode, cpu, extra=()):
    def command(n, b, t):
        return ["env", f"LUTRA_CPU={cpu}", *extra, "./peer", "-model", f"models/{n}.lutra.onnx", "-mode", mode, "-threads", str(t), "-batch", str(b)]
    return command, lambda n, b: [f"models/{n}.lutra.onnx"]
for mode in "fp32", "bf16", "int8", "auto":
    for cpu in "amx", "vnni", "avx2":
        P[f"lutra_{mode}_{cpu}"] = lutra(mode, cpu)
P["onednn_f32_avx2"] = (lambda n, b, t: ["env", "ONEDNN_MAX_CPU_ISA=AVX2", *P["onednn_f32"][0](n, b, t)], P["onednn_f32"][1])
main()
PY
cd "$work"
run() { # batch threads peers
	/usr/bin/python3 lutra_bench.py --nets resnet18,resnet50 --batch "$1" --threads "$2" --rounds 5 --clean 8 --maxrounds 12 \
		--gap 0.2 --budget "${BUDGET:-90}" --peers "$3"
}
base=ort_f32,ort_int8,onednn_int8
run 1 1 "${PEERS:-$base,ort_int8_noamx,onednn_f32,onednn_f32_avx2,onednn_bf16,lutra_int8_amx,lutra_bf16_amx,lutra_int8_vnni,lutra_int8_avx2,lutra_fp32_vnni}"
[ -n "${PEERS:-}" ] && exit
run 1 2 "$base,lutra_int8_amx"
run 8 1 "$base,lutra_int8_amx"
