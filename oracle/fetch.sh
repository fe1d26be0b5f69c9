#!/bin/sh
# Fetches ONNX Runtime (npm package onnxruntime-node) into oracle/node_modules.
# The install script of the package, which would download GPU libraries, is not run.
set -e
cd "$(dirname "$0")"
[ -e node_modules/onnxruntime-node/package.json ] || npm install --ignore-scripts --no-audit --no-fund --no-package-lock
