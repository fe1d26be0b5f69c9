"""Exports torchvision's classification architectures, with random weights, to ONNX.

    /usr/bin/python3 export.py OUTDIR [--size PIXELS] [NAME ...]

Weights are random but batch normalisation has statistics of two passes over
noise, so that activations keep their scale through deep networks. Inputs are
small where the architecture allows it, to keep the comparison quick.
"""
import argparse
import os

import torch
import torchvision

NETWORKS = {
    "alexnet": 224, "vgg11_bn": 224, "resnet18": 64, "resnet50": 64, "resnext50_32x4d": 64, "wide_resnet50_2": 64,
    "mobilenet_v2": 64, "mobilenet_v3_small": 64, "mobilenet_v3_large": 64, "efficientnet_b0": 64,
    "squeezenet1_1": 64, "shufflenet_v2_x1_0": 64, "densenet121": 64, "googlenet": 96, "inception_v3": 96,
    "regnet_y_400mf": 64, "regnet_x_400mf": 64, "mnasnet1_0": 64, "convnext_tiny": 64,
}


def export(name, size, path):
    torch.manual_seed(1)
    extra = {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
    model = getattr(torchvision.models, name)(weights=None, **extra).train()
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn(4, 3, size, size))
    torch.onnx.export(
        model.eval(), torch.randn(1, 3, size, size), path, opset_version=15, do_constant_folding=True,
        input_names=["input"], output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("out")
    args.add_argument("names", nargs="*", metavar="NAME")
    args.add_argument("--size", type=int, help="pixels of the input's side (default: small)")
    args = args.parse_intermixed_args()
    os.makedirs(args.out, exist_ok=True)
    for name in args.names or NETWORKS:
        path = os.path.join(args.out, name + ".onnx")
        if not os.path.exists(path):
            export(name, args.size or NETWORKS[name], path)
        print(path, flush=True)


if __name__ == "__main__":
    main()
