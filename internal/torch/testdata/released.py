"""Prints what released_test.go expects of the released compressed files.

    python3 released.py DATA_FOLDER

weights is the sha256 of all decoded weights (float32, little-endian, row by
row) in the order of the layers' names; subnormals counts the half subnormals
of the codebooks, and sum adds them up in units of 2^-24. logits are the first
three of torchvision's network, in float64, for the 64x64 input sin(0.1 i).
"""
import hashlib
import sys

import numpy
import torch
import torchvision

FILES = {
    "kill-the-bits/resnet18_small_blocks.pth": torchvision.models.resnet18,
    "kill-the-bits/resnet50_large_blocks.pth": torchvision.models.resnet50,
    "pqf/resnet18.pth": torchvision.models.resnet18,
}


def layers(state):
    """(name, codes [outputs, blocks], codebook) of both conventions."""
    for name, v in state.items():
        if isinstance(v, dict) and "assignments" in v:
            codes = v["assignments"].numpy().reshape(v["n_blocks"], -1).T
            yield name, codes, v["centroids"].numpy()
        elif name.endswith(".codes_matrix"):
            name = name.removesuffix(".codes_matrix")
            yield name, v.numpy(), state[name + ".codebook"].detach().numpy()


def dense_tensors(state):
    """(name, tensor) of what is not coded: a dict for each layer, or flat."""
    for name, v in state.items():
        if isinstance(v, dict):
            for part, t in v.items():
                if torch.is_tensor(t) and "assignments" not in v:
                    yield f"{name.removesuffix('_bias')}.{part}", t
        elif not name.endswith((".codes_matrix", ".codebook")):
            yield name, v


def logits(net, weights):
    """Batch normalisations keep the mean 0 and variance 1 they start with."""
    net = net().eval()
    for name, p in net.named_parameters():
        p.data = torch.as_tensor(weights.pop(name)).detach().float().reshape(p.shape)
    assert not weights, weights.keys()
    x = torch.sin(0.1 * torch.arange(3 * 64 * 64, dtype=torch.float64)).float().reshape(1, 3, 64, 64)
    with torch.no_grad():
        return net.double()(x.double())[0, :3].tolist()


for file, net in FILES.items():
    state = torch.load(f"{sys.argv[1]}/compressed/{file}", map_location="cpu")
    digest, count, total, n = hashlib.sha256(), 0, 0, 0
    weights = dict(dense_tensors(state))
    for name, codes, words in sorted(layers(state)):
        dense = words.astype("<f4")[codes.astype(int)].reshape(len(codes), -1)
        digest.update(dense.tobytes())
        weights[name + ".weight"] = dense
        bits = words.view(numpy.uint16)
        tiny = bits[((bits & 0x7C00) == 0) & ((bits & 0x3FF) != 0)]
        count += len(tiny)
        total += int(numpy.where(tiny & 0x8000, -1, 1).dot((tiny & 0x3FF).astype(int)))
        n += 1
    print(file, "layers", n, "weights", digest.hexdigest(), "subnormals", count, "sum", total)
    print("    logits", logits(net, weights))
