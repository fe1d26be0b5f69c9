"""Training steps of PyTorch on one thread, on demand: for every line on
standard input it makes some steps and prints images, processor seconds and by
how many MiB the largest resident memory has grown since the network was made.
Channels come last: on processors that is the faster of PyTorch's layouts.

    echo 10 | /usr/bin/python3 -W ignore oracle/train/speed.py resnet20 128
"""
import resource, sys
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


class Block(nn.Module):
    """Of He et al. 2016, section 4.2, with a projection where the size changes."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.short = None
        if stride > 1:
            self.short = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        return F.relu(y + (self.short(x) if self.short else x), inplace=True)


def resnet20():
    layers, cin = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(True)], 16
    for cout in 16, 32, 64:
        for i in range(3):
            layers.append(Block(cin, cout, 2 if i == 0 and cout > 16 else 1))
            cin = cout
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def small():
    layers, cin = [], 3
    for cout, stride in (16, 1), (32, 2), (64, 2):
        layers += [nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(True)]
        cin = cout
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 64, 10))


def mobilenet():
    """MobileNet v1 (Howard et al. 2017) of width 0.25, as in MLPerf Tiny."""
    layers, cin = [nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(True)], 8
    for cout, stride in (16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1):
        layers += [nn.Conv2d(cin, cin, 3, stride, 1, groups=cin, bias=False), nn.BatchNorm2d(cin), nn.ReLU(True)]
        layers += [nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(True)]
        cin = cout
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10))


networks = {"resnet20": (resnet20, 32), "small": (small, 32), "mobilenet": (mobilenet, 96)}
make, side = networks[sys.argv[1]]
net, batch = make().train().to(memory_format=torch.channels_last), int(sys.argv[2])
opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
x = torch.randn(batch, 3, side, side).contiguous(memory_format=torch.channels_last)
y = torch.randint(0, 10, (batch,))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for line in sys.stdin:
    start = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    for _ in range(int(line)):
        opt.zero_grad()
        F.cross_entropy(net(x), y).backward()
        opt.step()
    use = resource.getrusage(resource.RUSAGE_SELF)
    print(int(line) * batch, sum(use[:2]) - start, (use.ru_maxrss - before) // 1024, flush=True)
