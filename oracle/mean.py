#!/usr/bin/env python3
"""Joins classifiers into one network that puts out the mean of their scores.

    python3 oracle/mean.py OUT.onnx IN.onnx IN.onnx ...        (pip install onnx)

They must have the same input and the same classes in the same order; properties
(preprocessing, labels) are those of the first. A teacher for lutra train.
"""
import sys

import onnx
from onnx import compose, helper


def join(paths):
    first = onnx.load(paths[0])
    entry, nodes, weights, scores, opsets = first.graph.input[0], [], [], [], {}
    for i, path in enumerate(paths):
        model = compose.add_prefix(onnx.load(path), f"{i}/")
        own = model.graph.input[0].name
        for node in model.graph.node:
            node.input[:] = [entry.name if name == own else name for name in node.input]
        nodes += model.graph.node
        weights += model.graph.initializer
        scores.append(model.graph.output[0].name)
        for opset in model.opset_import:
            opsets[opset.domain] = max(opset.version, opsets.get(opset.domain, 0))
    nodes.append(helper.make_node("Mean", scores, ["scores"]))
    classes = first.graph.output[0].type.tensor_type.shape.dim[-1].dim_value
    out = helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [None, classes])
    graph = helper.make_graph(nodes, "mean", [entry], [out], weights)
    joined = helper.make_model(graph, opset_imports=[helper.make_opsetid(*o) for o in opsets.items()], ir_version=8)
    joined.metadata_props.extend(first.metadata_props)
    onnx.checker.check_model(joined)
    return joined


if len(sys.argv) < 4:
    sys.exit(__doc__)
onnx.save(join(sys.argv[2:]), sys.argv[1])
