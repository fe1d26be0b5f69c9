#!/usr/bin/env bash
# Statement coverage by tests, per package and in total. Fails below 95 % of the
# packages that read bytes of others, and, with all tests, below 85 % in total.
#   oracle/coverage.sh [PACKAGE...]   whose tests to run; all
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
profile=$(mktemp)
trap 'rm -f "$profile"' EXIT
least=0
[ $# -gt 0 ] || { least=85; set -- ./...; }
go test -coverpkg=./... -coverprofile="$profile" "$@" >&2
# A block occurs once for every test binary: it is covered if it is in one. Generated code does not count.
awk -v least=$least -F'[ :]' '
	NR > 1 && $1 !~ /\.pb\.go$/ { block = $1 ":" $2; statements[block] = $3; hits[block] += $4 }
	END {
		for (b in statements) {
			file = b; sub(/:.*/, "", file); package = file; sub(/\/[^\/]*$/, "", package); sub(/^lutra\/internal\//, "", package)
			all[package] += statements[b]; total += statements[b]
			if (hits[b] > 0) { covered[package] += statements[b]; sum += statements[b] }
		}
		split("onnx torch tflite data audio", list, " "); for (i in list) reads[list[i]] = 1
		for (p in all) {
			share = 100 * covered[p] / all[p]
			if (p in reads && share < 95) bad = bad " " p
			printf "%-24s %6d statements  %5.1f %%%s\n", p, all[p], share, p in reads ? "  reads foreign bytes" : ""
		}
		printf "%-24s %6d statements  %5.1f %%\n", "~total", total, 100 * sum / total
		if (100 * sum / total < least) bad = bad " total"
		if (bad != "") { print "~~below its bound:" bad; exit 1 }
	}' "$profile" | sort | sed 's/^~*//'
