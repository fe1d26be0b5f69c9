"""Makes the golden files with the reference implementation (Debian's python3-onnx).

Run in this folder: /usr/bin/python3 make.py
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Every numeric type twice: in raw_data and in its typed field. Element i of
# the [2, 3] tensors is the number of values[name] at position i.
values = {
    "float32": [0, 1.5, -2, 3.25e10, 1e-40, -0.0],
    "float64": [0, 1.5, -2, 1e300, 1e-310, -0.0],
    "float16": [0, 1.5, -2, 65504, 2.0**-24, -0.0],
    "int8": [0, 1, -1, 127, -128, 5],
    "int16": [0, 1, -1, 32767, -32768, 5],
    "int32": [0, 1, -1, 2**31 - 1, -(2**31), 5],
    "int64": [0, 1, -1, 2**63 - 1, -(2**63), 5],
    "uint8": [0, 1, 2, 127, 128, 255],
    "uint16": [0, 1, 2, 32767, 32768, 65535],
    "uint32": [0, 1, 2, 2**31 - 1, 2**31, 2**32 - 1],
    "uint64": [0, 1, 2, 2**63 - 1, 2**63, 2**64 - 1],
    "bool": [0, 1, 0, 1, 1, 0],
}


def initializers():
    for name, v in values.items():
        a = np.array(v, dtype=name).reshape(2, 3)
        raw = numpy_helper.from_array(a, name + "_raw")
        yield raw
        flat = a.flatten()
        if name == "float16":
            flat = flat.view(np.uint16)
        typed = TensorProto(name=name + "_typed", dims=[2, 3], data_type=raw.data_type)
        field = {"float32": "float_data", "float64": "double_data", "int64": "int64_data",
                 "uint32": "uint64_data", "uint64": "uint64_data"}.get(name, "int32_data")
        getattr(typed, field).extend(flat.tolist())
        yield typed
    bits = np.array([0, 1.5, -2, 3e38, 1e-40, -0.0], np.float32).view(np.uint32) >> 16
    yield TensorProto(name="bfloat16_raw", dims=[2, 3], data_type=16, raw_data=bits.astype("<u2").tobytes())
    yield TensorProto(name="bfloat16_typed", dims=[2, 3], data_type=16, int32_data=bits.tolist())
    yield TensorProto(name="scalar", data_type=1, float_data=[7], doc_string="a scalar")
    yield TensorProto(name="empty", dims=[0, 4], data_type=1)


def types():
    """All element types, attributes, a sub-graph, a function, documentation and metadata."""
    x = helper.make_tensor_value_info("x", 1, ["batch", 3, None, 8], doc_string="image")
    y = helper.make_tensor_value_info("y", 1, None)
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["then"])], "branch", [],
                              [helper.make_tensor_value_info("then", 1, None)])
    nodes = [
        helper.make_node("Double", ["x"], ["a"], name="call", domain="example", factor=2.0),
        helper.make_node("If", ["bool_raw"], ["b"], then_branch=inner, else_branch=inner),
        helper.make_node("Pad", ["a", "", "b"], ["y"], name="all", doc_string="every kind of attribute",
                         zero=0, one=-1, f=0.5, s="text", none="", fs=[1.0, 2.5], ns=[1, -2, 3], ss=["a", "bc"],
                         t=numpy_helper.from_array(np.arange(3, dtype=np.int64), "inner name")),
    ]
    double = helper.make_function("example", "Double", ["v"], ["w"],
                                  [helper.make_node("Constant", [], ["c"]), helper.make_node("Mul", ["v", "c"], ["w"])],
                                  [helper.make_opsetid("", 15)], ["factor"])
    double.node[0].attribute.append(onnx.AttributeProto(name="value_float", ref_attr_name="factor", type=1))
    graph = helper.make_graph(nodes, "golden", [x], [y], list(initializers()), doc_string="graph doc",
                              value_info=[helper.make_tensor_value_info("a", 10, [])])
    model = helper.make_model(graph, producer_name="make.py", producer_version="1", doc_string="model doc", ir_version=8,
                              functions=[double], opset_imports=[helper.make_opsetid("", 15), helper.make_opsetid("example", 1)])
    model.domain, model.model_version = "org.example", 3
    helper.set_model_props(model, {"lutra.labels": "[]", "author": "someone"})
    onnx.save(model, "types.onnx")


def external():
    """Two tensors in one external file, the second unaligned and without a length."""
    data = np.arange(6, dtype="<f4").tobytes() + b"\0" + np.arange(-2, 2, dtype="<i2").tobytes()
    open("external.bin", "wb").write(data)
    tensors = [TensorProto(name="w", dims=[2, 3], data_type=1, data_location=1),
               TensorProto(name="v", dims=[4], data_type=5, data_location=1)]
    for t, entries in zip(tensors, [{"location": "external.bin", "offset": "0", "length": "24"},
                                    {"location": "./external.bin", "offset": "25", "checksum": "0"}]):
        for k, v in entries.items():
            t.external_data.add(key=k, value=v)
    out = helper.make_tensor_value_info("w", 1, [2, 3])
    graph = helper.make_graph([], "external", [], [out], tensors)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), "external.onnx")


def legacy():
    """IR version 3: initializers are inputs, too."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "legacy", [info("w", 1, [2]), info("x", 1, [2])],
                              [info("y", 1, [2])], [helper.make_tensor("w", 1, [2], [1, 2])])
    onnx.save(helper.make_model(graph, ir_version=3, opset_imports=[helper.make_opsetid("", 7)]), "legacy.onnx")


types()
external()
legacy()
