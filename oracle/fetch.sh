#!/bin/sh
# Fetches into oracle/node_modules, from npm: ONNX Runtime (onnxruntime-node) without
# its install script, which would download GPU libraries, and the Netron that VisualDL
# packs (@visualdl/netron) without its dependencies, which its bundles hold.
set -e
cd "$(dirname "$0")"
[ -e node_modules/onnxruntime-node/package.json ] || npm install --ignore-scripts --no-audit --no-fund --no-package-lock
netron=node_modules/@visualdl/netron
if [ ! -e $netron/package.json ]; then
	rm -rf $netron $netron.part
	mkdir -p $netron.part
	npm pack --silent --pack-destination $netron.part @visualdl/netron@2.2.0 >/dev/null
	tar -xzf $netron.part/*.tgz -C $netron.part
	mv $netron.part/package $netron
	rm -r $netron.part
fi
