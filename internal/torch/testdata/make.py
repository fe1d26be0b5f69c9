"""Writes the golden files of this folder with PyTorch 1.13 (Debian's python3-torch).

    python3 make.py

tensors.{zip,legacy,proto4}.pth hold one object; tensors.json holds what torch
says it is. small.*.pth are for damage. resnet.zip.pth is a tiny CIFAR ResNet,
resnet.json its logits. architectures.json.gz lists parameter shapes. The keys
of legacy files are memory addresses, so these differ from run to run.
"""
import collections
import gzip
import json
import math

import numpy
import torch
import torchvision
from torch import nn
from torch.nn import functional


def content():
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    ints = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
    subnormal = torch.tensor(
        [s << 15 | f for s in (0, 1) for f in range(1024)], dtype=torch.int32
    ).to(torch.int16).numpy().view(numpy.float16)
    half = torch.from_numpy(subnormal.copy())
    tensors = collections.OrderedDict()
    for d in ints:
        lowest = 0 if d == torch.uint8 else torch.iinfo(d).min
        tensors[str(d)] = torch.tensor([lowest, 1, torch.iinfo(d).max], dtype=d)
    for d in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        tensors[str(d)] = torch.tensor([-1.5, 0.1, 65504, 2.0**-24], dtype=d)
    tensors["bool"] = torch.tensor([[True, False], [False, True]])
    tensors["subnormal halves"] = half
    tensors["subnormal halves as float32"] = half.float()
    tensors["whole"] = base
    tensors["transposed"] = base.permute(2, 0, 1)
    tensors["slice"] = base[1, :, 1::2]
    tensors["row"] = base[1, 2]
    tensors["expanded"] = torch.tensor([[7.0], [8.0]]).expand(2, 3)
    tensors["unit strides"] = base.reshape(1, 24)[:, :5]
    tensors["scalar"] = torch.tensor(3.25)
    tensors["empty"] = torch.zeros(0, 3)
    tensors["parameter"] = nn.Parameter(torch.tensor([1.0, -2.0]))
    return {
        "tensors": tensors,
        "list": [1, -2, 255, 256, 65536, -(2**31), 2**40, -(2**63), 0.5, True, False, None, "naïve", b"\x00\xff"],
        "tuple": (1, (2, 3), (), ("a", "b", "c", "d")),
        "size": torch.Size([4, 5]),
        "numpy": [numpy.float64(1.25), numpy.float32(0.5), numpy.int64(-7), numpy.bool_(True)],
        "dict": {1: "one", "nested": {"deep": [[]]}},
        "shared": tensors,
    }


def golden(t):
    """The elements in row-major order, halves and floats exactly as doubles."""
    t = t.detach().flatten()
    if t.is_floating_point():
        t = t.double()
    elif t.dtype == torch.bool:
        t = t.to(torch.uint8)
    return t.tolist()


class Block(nn.Module):
    """A basic block of He et al. (2015), section 4.2, with shortcut option A."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.pad = (cout - cin) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        if self.pad:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return functional.relu(x + y)


class ResNet(nn.Module):
    """The network of section 4.2, with the names of akamaster/pytorch_resnet_cifar10."""

    def __init__(self, width, blocks, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        cin = width
        for stage, n in enumerate(blocks):
            cout = width << stage
            layers = [Block(cin, cout, 1 if stage == 0 else 2)] + [Block(cout, cout, 1) for _ in range(n - 1)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
            cin = cout
        self.linear = nn.Linear(cin, classes)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def network():
    torch.manual_seed(1)
    net = ResNet(4, [1, 1, 2], 3).eval()
    for p in [*net.parameters(), *net.buffers()]:  # few bits, so that the files stay small and sums exact
        if p.is_floating_point():
            p.data = (torch.randn(p.shape) * 4).round() / 16
    for n, p in net.named_buffers():
        if n.endswith("running_var"):
            p.data = p.data.abs() + 0.5
    x = torch.tensor([math.sin(0.1 * i) for i in range(3 * 32 * 32)], dtype=torch.float64).float().reshape(1, 3, 32, 32)
    with torch.no_grad():
        logits = net.double()(x.double())[0].tolist()
    net.float()
    state = collections.OrderedDict(("module." + k, v) for k, v in net.state_dict().items())
    torch.save({"epoch": 3, "state_dict": state, "best": numpy.float64(0.5)}, "resnet.zip.pth")
    with open("resnet.json", "w") as f:
        json.dump(logits, f)


def architectures():
    """The shapes of all parameters of the networks that the importer knows by name."""
    names = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d",
             "resnext101_32x8d", "wide_resnet50_2", "wide_resnet101_2"]
    nets = {n: getattr(torchvision.models, n) for n in names}
    for depth in (20, 32, 44, 56, 110, 1202):
        nets[f"resnet{depth}"] = lambda d=depth: ResNet(16, [(d - 2) // 6] * 3, 10)
    out = {n: {k: list(v.shape) for k, v in make().state_dict().items()} for n, make in nets.items()}
    with gzip.GzipFile("architectures.json.gz", "wb", mtime=0) as f:
        f.write(json.dumps(out).encode())


def main():
    c = content()
    torch.save(c, "tensors.zip.pth")
    torch.save(c, "tensors.legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(c, "tensors.proto4.pth", pickle_protocol=4)
    small = {"w": torch.tensor([[1, 2], [3, 4]], dtype=torch.float16).t(), "n": [1, "x"]}
    torch.save(small, "small.zip.pth")
    torch.save(small, "small.legacy.pth", _use_new_zipfile_serialization=False)
    out = {
        name: {"dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "values": golden(t)}
        for name, t in c["tensors"].items()
        if not name.startswith("subnormal")  # the two are compared with each other
    }
    with open("tensors.json", "w") as f:
        json.dump(out, f)
    network()
    architectures()


main()
