#!/usr/bin/env python3
"""Checks files of lutra as a viewer reads them, with ONNX's own package.

    python3 oracle/check.py small.onnx ...        (pip install onnx)

ONNX's checker and shape inference must accept a file, function bodies included.
Then what lutra inspect --netron says of the drawing must hold: every node of the
domain lutra calls a function that the file defines in standard operators, and
where its inputs are codes and a codebook they are initializers and its output
feeds a node. netron.mjs opens a file with Netron's own parser, which is older than
functions of models: of the two only this script looks at them.
"""
import collections
import sys

import onnx


def check(path):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    functions = {(f.domain, f.name): f for f in model.functions}
    initializers = {t.name for t in model.graph.initializer}
    read = {name for node in model.graph.node for name in node.input}
    read |= {value.name for value in model.graph.output}
    calls = collections.Counter()
    for node in model.graph.node:
        if node.domain in ("", "ai.onnx"):
            continue
        function = functions.get((node.domain, node.op_type))
        assert function is not None, f"{node.domain}.{node.op_type} is not defined in the file"
        for inner in function.node:
            known = inner.domain in ("", "ai.onnx") or (inner.domain, inner.op_type) in functions
            assert known, f"{function.name} uses {inner.domain}.{inner.op_type}"
        if node.op_type.startswith("Codebook"):
            assert set(node.input) <= initializers, f"{node.output[0]}: inputs that are no initializers"
            assert node.output[0] in read, f"{node.output[0]} feeds no node"
        calls[f"{node.domain}.{node.op_type}"] += 1
    for name, n in sorted(calls.items()):
        print(f"{path}: {n} calls of {name}")
    print(f"{path}: {len(model.graph.node)} nodes, {len(initializers)} initializers, properties", ", ".join(sorted(p.key for p in model.metadata_props)) or "none")


if len(sys.argv) < 2:
    sys.exit(__doc__)
for name in sys.argv[1:]:
    try:
        check(name)
    except (AssertionError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        sys.exit(f"{name}: {error}")
