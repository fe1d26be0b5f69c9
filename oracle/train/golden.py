"""Writes internal/train/testdata/steps.json: forward values, gradients and ten
training steps of a small network in PyTorch, for TestPyTorch.

    /usr/bin/python3 -W ignore oracle/train/golden.py

Parameters and inputs are not in the file: both sides compute them (pattern).
"""
import json, os
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)
BATCH, STEPS = 8, 10


def pattern(n, seed):
    """n numbers in -1...1 that float32 and both languages agree on."""
    i = torch.arange(n, dtype=torch.int64)
    return ((i * 7919 + seed * 104729 + (i * i) % 977 * 31) % 2003).double().div(1001).sub(1).float()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, groups=8)  # depthwise
        self.bn2 = nn.BatchNorm2d(8)
        self.conv3 = nn.Conv2d(8, 12, 3, stride=2, padding=1, groups=2, bias=False)
        self.bn3 = nn.BatchNorm2d(12)
        self.prelu = nn.PReLU(12)
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = F.relu(F.hardswish(self.bn2(self.conv2(x))) + x)
        x = self.prelu(self.bn3(self.conv3(x)))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def fresh():
    net = Net().train()
    for seed, p in enumerate(net.parameters()):
        v = pattern(p.numel(), seed + 1).view_as(p)
        if p.dim() > 1:
            v = v / float(p[0].numel()) ** 0.5
        elif p.numel() > 5:
            v = 1 + v / 4
        with torch.no_grad():
            p.copy_(v)
    return net


def batch(step):
    x = pattern(BATCH * 3 * 12 * 12, 100 + step).view(BATCH, 3, 12, 12)
    return x, torch.tensor([(i * 3 + step) % 5 for i in range(BATCH)])


def numbers(t):
    return [float("%.8g" % v) for v in t.detach().flatten().tolist()]


def state(net):
    return {k: numbers(v) for k, v in net.state_dict().items() if "num_batches" not in k}


out = {}
net = fresh()
x, y = batch(0)
x.requires_grad_()
logits = net(x)
loss = F.cross_entropy(logits, y, label_smoothing=0.1)
loss.backward()
out["logits"], out["loss"] = numbers(logits), loss.item()
out["grads"] = {k: numbers(p.grad) for k, p in net.named_parameters()}

teacher = pattern(BATCH * 5, 77).view(BATCH, 5) * 3
z = logits.detach().clone().requires_grad_()
T = 3.0
kl = T * T * F.kl_div(F.log_softmax(z / T, 1), F.softmax(teacher / T, 1), reduction="batchmean")
kl.backward()
out["distillation"] = {"loss": kl.item(), "grad": numbers(z.grad)}
z = logits.detach().clone().requires_grad_()
soft = F.cross_entropy(z, F.softmax(teacher, 1))
soft.backward()
out["soft"] = {"loss": soft.item(), "grad": numbers(z.grad)}
z = logits.detach().clone().requires_grad_()
mse = F.mse_loss(z, teacher)
mse.backward()
out["mse"] = {"loss": mse.item(), "grad": numbers(z.grad)}

optimisers = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-2),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=3e-3, weight_decay=1e-2),
    "adamw": lambda p: torch.optim.AdamW(p, lr=3e-3, weight_decay=1e-1),
    "clipped": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
}
for name, make in optimisers.items():
    net = fresh()
    opt = make(net.parameters())
    losses = []
    for step in range(STEPS):
        x, y = batch(step)
        opt.zero_grad()
        loss = F.cross_entropy(net(x), y, label_smoothing=0.1)
        loss.backward()
        if name == "clipped":
            nn.utils.clip_grad_norm_(net.parameters(), 0.25)
        opt.step()
        losses.append(loss.item())
    out[name] = {"losses": losses, "state": state(net)}

path = os.path.join(os.path.dirname(__file__), "../../internal/train/testdata/steps.json")
with open(path, "w") as f:
    json.dump(out, f, separators=(",", ":"))
