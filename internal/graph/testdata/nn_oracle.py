"""Writes nn.json: results of PyTorch's functional operators for ONNX nodes.

Run with Python 3, PyTorch and NumPy; the output is the same for every run.
"""
import json
import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.RandomState(1)
cases = []


def rand(*shape):
    return torch.from_numpy(np.round(rng.randn(*shape), 2).astype(np.float32))


def case(name, op, opset, inputs, outputs, **attrs):
    def tensors(list_):
        return [None if t is None else {"shape": list(t.shape), "data": [float("%.7g" % v) for v in t.flatten().tolist()]}
                for t in list_]
    cases.append({"name": name, "op": op, "opset": opset, "attrs": attrs,
                  "inputs": tensors(inputs), "outputs": tensors(outputs)})


x, w, b = rand(2, 4, 7, 6), rand(6, 2, 3, 2), rand(6)
case("conv grouped dilated strided padded", "Conv", 13, [x, w, b],
     [F.conv2d(F.pad(x, (0, 2, 1, 0)), w, b, stride=(2, 1), dilation=(1, 2), groups=2)],
     group=2, strides=[2, 1], dilations=[1, 2], pads=[1, 0, 0, 2])
w = rand(4, 1, 3, 3)
case("conv depthwise", "Conv", 13, [x, w], [F.conv2d(x, w, padding=1, groups=4)], group=4, pads=[1, 1, 1, 1])
x3, w3 = rand(1, 2, 4, 5, 3), rand(3, 2, 2, 3, 2)
case("conv 3-d", "Conv", 13, [x3, w3], [F.conv3d(x3, w3, stride=(1, 2, 1), padding=(1, 0, 1))],
     strides=[1, 2, 1], pads=[1, 0, 1, 1, 0, 1])
w, b = rand(4, 3, 3, 2), rand(6)
case("transposed grouped dilated", "ConvTranspose", 13, [x, w, b],
     [F.conv_transpose2d(x, w, b, stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2, dilation=(2, 1))],
     group=2, strides=[2, 3], pads=[1, 0, 1, 0], output_padding=[1, 2], dilations=[2, 1])
w3 = rand(2, 2, 2, 3, 2)
case("transposed 3-d", "ConvTranspose", 13, [x3, w3], [F.conv_transpose3d(x3, w3, stride=2)], strides=[2, 2, 2])

y, i = F.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True, return_indices=True)
planes = torch.arange(8).reshape(2, 4, 1, 1) * 42
case("max pool with indices", "MaxPool", 12, [x], [y, i + planes],
     kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1)
case("average pool with padding counted", "AveragePool", 11, [x],
     [F.avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=True)],
     kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1, count_include_pad=1)
case("average pool without", "AveragePool", 11, [x],
     [F.avg_pool2d(x, (3, 2), stride=1, padding=(1, 0), count_include_pad=False)],
     kernel_shape=[3, 2], pads=[1, 0, 1, 0])
# torch.norm, because lp_pool keeps signs for odd norms
windows = x.unfold(2, 3, 2).unfold(3, 2, 2)
case("lp pool", "LpPool", 11, [x], [windows.abs().pow(3).sum((-1, -2)).pow(1 / 3)], kernel_shape=[3, 2], strides=[2, 2], p=3)
case("global lp pool", "GlobalLpPool", 7, [x], [x.pow(2).sum((2, 3), keepdim=True).sqrt()])

s, b = rand(4), rand(4)
case("instance norm", "InstanceNormalization", 6, [x, s, b], [F.instance_norm(x, weight=s, bias=b, eps=1e-3)], epsilon=1e-3)
case("group norm", "GroupNormalization", 21, [x, s, b], [F.group_norm(x, 2, s, b, 1e-5)], num_groups=2)
s2, b2 = rand(2), rand(2)
case("group norm with parameters per group", "GroupNormalization", 18, [x, s2, b2],
     [F.group_norm(x, 2, s2.repeat_interleave(2), b2.repeat_interleave(2), 1e-5)], num_groups=2)
s, b = rand(7, 6), rand(7, 6)
var, mean = torch.var_mean(x, (2, 3), unbiased=False, keepdim=True)
case("layer norm with statistics", "LayerNormalization", 17, [x, s, b],
     [F.layer_norm(x, (7, 6), s, b, 1e-5), mean, (var + 1e-5).rsqrt()], axis=2)
s = rand(6)
case("layer norm without bias", "LayerNormalization", 17, [x, s], [F.layer_norm(x, (6,), s, None, 1e-2)], epsilon=1e-2)
case("layer norm with one scale", "LayerNormalization", 17, [x, rand(1) * 0 + 2], [2 * F.layer_norm(x, (7, 6))], axis=-2)
case("local response norm of even size", "LRN", 13, [x], [torch.stack([
    x[:, c] / (1.5 + 0.2 / 4 * (x[:, max(0, c - 1):c + 3] ** 2).sum(1)) ** 0.6 for c in range(4)], 1)],
    size=4, alpha=0.2, beta=0.6, bias=1.5)
case("l1 norm", "LpNormalization", 7, [x], [F.normalize(x, p=1, dim=1)], p=1, axis=1)
case("l2 norm", "LpNormalization", 7, [x], [F.normalize(x, p=2, dim=3)])
m = x.mean((0, 2, 3), keepdim=True)
case("mean-variance norm", "MeanVarianceNormalization", 13, [x], [(x - m) / x.std((0, 2, 3), unbiased=False, keepdim=True)])

case("softmax of old versions", "Softmax", 11, [x], [F.softmax(x.reshape(8, -1), 1).reshape(x.shape)], axis=2)
case("log softmax", "LogSoftmax", 13, [x], [F.log_softmax(x, 1)], axis=1)
case("hardmax", "Hardmax", 13, [x], [F.one_hot(x.argmax(1), 4).permute(0, 3, 1, 2).float()], axis=1)

for corners in (False, True):
    mode = "align_corners" if corners else "half_pixel"
    none, size = None, torch.tensor([2, 4, 11, 4])
    for onnx_mode, torch_mode in (("linear", "bilinear"), ("cubic", "bicubic")):
        case(f"resize {onnx_mode} {mode}", "Resize", 13, [x, none, none, size],
             [F.interpolate(x, (11, 4), mode=torch_mode, align_corners=corners)],
             mode=onnx_mode, coordinate_transformation_mode=mode, cubic_coeff_a=-0.75)
case("resize nearest", "Resize", 13, [x, none, torch.tensor([1, 1, 2.0, 0.5])],
     [F.interpolate(x, scale_factor=(2, 0.5), mode="nearest")], coordinate_transformation_mode="asymmetric", nearest_mode="floor")
case("upsample", "Upsample", 9, [x, torch.tensor([1, 1, 2.0, 3.0])], [F.interpolate(x, scale_factor=(2, 3), mode="nearest")])

a, c = rand(3, 1, 2, 4), rand(2, 4, 5)
case("batched matrix product", "MatMul", 13, [a, c], [a @ c])
v = rand(4)
case("vector times matrices", "MatMul", 13, [v, c], [v @ c])

with open(__file__.replace("nn_oracle.py", "nn.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
