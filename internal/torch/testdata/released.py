"""Prints what released_test.go expects of the released compressed files.

    python3 released.py DATA_FOLDER

weights is the sha256 of all decoded weights (float32, little-endian, row by
row) in the order of the layers' names; subnormals counts the half subnormals
of the codebooks, and sum adds them up in units of 2^-24.
"""
import hashlib
import sys

import numpy
import torch

FILES = ["kill-the-bits/resnet18_small_blocks.pth", "kill-the-bits/resnet50_large_blocks.pth", "pqf/resnet18.pth"]


def layers(state):
    """(name, codes [outputs, blocks], codebook) of both conventions."""
    for name, v in state.items():
        if isinstance(v, dict) and "assignments" in v:
            codes = v["assignments"].numpy().reshape(v["n_blocks"], -1).T
            yield name, codes, v["centroids"].numpy()
        elif name.endswith(".codes_matrix"):
            name = name.removesuffix(".codes_matrix")
            yield name, v.numpy(), state[name + ".codebook"].detach().numpy()


for file in FILES:
    state = torch.load(f"{sys.argv[1]}/compressed/{file}", map_location="cpu")
    digest, count, total, n = hashlib.sha256(), 0, 0, 0
    for name, codes, words in sorted(layers(state)):
        dense = words.astype("<f4")[codes.astype(int)].reshape(len(codes), -1)
        digest.update(dense.tobytes())
        bits = words.view(numpy.uint16)
        tiny = bits[((bits & 0x7C00) == 0) & ((bits & 0x3FF) != 0)]
        count += len(tiny)
        total += int(numpy.where(tiny & 0x8000, -1, 1).dot((tiny & 0x3FF).astype(int)))
        n += 1
    print(file, "layers", n, "weights", digest.hexdigest(), "subnormals", count, "sum", total)
