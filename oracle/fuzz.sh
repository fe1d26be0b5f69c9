#!/usr/bin/env bash
# Runs every fuzz target of the module for EXECS executions (100,000), of slow
# ones for a part of them, and fails on a crash. Go keeps the input of a crash
# under testdata/fuzz of its package: commit it with the fix.
#   EXECS=100000000 oracle/fuzz.sh [PACKAGE...]   a night's work, or many machines'
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
execs=${EXECS:-100000}
# Executions of these take longer by such factors: networks that are compiled, planned or run.
declare -A slower=([FuzzC]=1000 [FuzzConv]=100 [FuzzNetworks]=20 [FuzzWasm]=20 [FuzzGraph]=4 [FuzzDecodeImage]=4)

log=$(mktemp)
trap 'rm -f "$log"' EXIT
packages=("$@")
if [ ${#packages[@]} = 0 ]; then
	mapfile -t packages < <(grep -rl --include=*_test.go '^func Fuzz' internal | xargs -n1 dirname | sort -u | sed 's,^,./,')
fi
for package in "${packages[@]}"; do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz'); do
		n=$((execs / ${slower[$target]:-1}))
		begin=$SECONDS
		go test "$package" -run '^$' -fuzz="^$target\$" -fuzztime="$((n > 0 ? n : 1))x" -fuzzminimizetime=100x >"$log" 2>&1 || { cat "$log"; exit 1; }
		printf '%-20s %-16s %10d executions in %d s\n' "${package#./internal/}" "$target" "$n" $((SECONDS - begin))
	done
done
