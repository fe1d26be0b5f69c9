"""Trains the network of the demo and writes internal/glyph/glyph.onnx.

    nice python3 oracle/glyph/train.py [--images N] [--out FILE]

Needs Go, PyTorch 1.13 and onnx (Debian: python3-torch python3-onnx). Every
training image is drawn afresh and seen once, so there is nothing to overfit.
Results repeat exactly for the same PyTorch build and processor.
"""
import argparse
import io
import json
import math
import pathlib
import subprocess
import time

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZE, LABELS = 32, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
RECORD = 1 + 3 * SIZE * SIZE
SCALE, MEAN, STD = 1 / 255, 0.5, 0.25
TRAIN_SEED, TEST_SEED = 1, 2


class Block(nn.Module):
    """Basic residual block; a 1x1 projection where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.project = None
        if stride != 1 or inputs != outputs:
            self.project = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.project is None else self.project(x)))


def network():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        Block(16, 32, 2), Block(32, 64, 2), Block(64, 128, 2),
        nn.Conv2d(128, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, len(LABELS)))


def batches(seed, n, size):
    """Yields preprocessed images and labels from the Go program."""
    draw = subprocess.Popen(["go", "run", "./glyph/draw", f"-seed={seed}", f"-n={n}"], cwd=ROOT / "oracle", stdout=subprocess.PIPE)
    while raw := draw.stdout.read(size * RECORD):
        records = np.frombuffer(raw, np.uint8).reshape(-1, RECORD)
        pixels = records[:, 1:].reshape(-1, SIZE, SIZE, 3).transpose(0, 3, 1, 2).astype(np.float32)
        yield torch.from_numpy((pixels / 255 - MEAN) / STD), torch.from_numpy(records[:, 0].astype(np.int64))
    if draw.wait():
        raise SystemExit("drawing failed")


def train(net, images, batch, peak):
    optimizer = torch.optim.SGD(net.parameters(), lr=peak, momentum=0.9, nesterov=True, weight_decay=2e-4)
    steps = math.ceil(images / batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=steps, pct_start=0.15)
    start, seen, hits, loss_sum = time.time(), 0, 0, 0.0
    for step, (x, labels) in enumerate(batches(TRAIN_SEED, images, batch), 1):
        out = net(x)
        loss = F.cross_entropy(out, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        seen, hits, loss_sum = seen + len(x), hits + int((out.argmax(1) == labels).sum()), loss_sum + loss.item() * len(x)
        if step % 100 == 0 or step == steps:
            print(f"{step}/{steps} loss {loss_sum / seen:.4f} top-1 {hits / seen:.4f} {time.time() - start:.0f}s", flush=True)
            seen, hits, loss_sum = 0, 0, 0.0


def accuracy(net, images):
    with torch.no_grad():
        return sum(int((net(x).argmax(1) == y).sum()) for x, y in batches(TEST_SEED, images, 250)) / images


def export(net, path):
    """PRESERVE keeps the batch normalisations, which the exporter would otherwise fold."""
    buffer = io.BytesIO()
    torch.onnx.export(net, torch.zeros(1, 3, SIZE, SIZE), buffer, opset_version=13, training=torch.onnx.TrainingMode.PRESERVE,
                      do_constant_folding=False, input_names=["image"], output_names=["logits"],
                      dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}})
    model = onnx.load_from_string(buffer.getvalue())
    meta = {
        "lutra.preprocess": json.dumps({"scale": SCALE, "mean": [MEAN], "std": [STD], "order": "RGB", "layout": "NCHW"}),
        "lutra.labels": json.dumps(list(LABELS)),
        "lutra.provenance": json.dumps({"tool": "oracle/glyph/train.py"}),
    }
    onnx.helper.set_model_props(model, meta)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=448_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--peak", type=float, default=0.1, help="highest learning rate")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "internal/glyph/glyph.onnx")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    net = network()
    print(sum(p.numel() for p in net.parameters()), "parameters")
    train(net, args.images, args.batch, args.peak)
    net.eval()
    print("top-1 on fresh images", accuracy(net, 10_000))
    export(net, args.out)
    print(args.out, args.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
