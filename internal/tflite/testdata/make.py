#!/usr/bin/python3
"""Writes small TensorFlow Lite files and what they compute, by a writer, a
reader and an evaluation that share nothing with package tflite: the format from
https://flatbuffers.dev/internals and TensorFlow's schema.fbs, the operators from
TensorFlow's documentation, channels last, in numpy's float64.

    ./make.py                 nets.json, *.tflite
    ./make.py real FOLDER     real.json: outputs of MLPerf Tiny's files in FOLDER
"""
import json, math, os, struct, sys
import numpy as np

# ---- writer: a table is a dict from slot to value; parents lie in front of their children

class Vec:
    def __init__(self, fmt, values): self.fmt, self.values = fmt, values

def emit(buf, v):
    """Appends v and returns its position."""
    while len(buf) % 8: buf.append(0)
    if isinstance(v, str): v = v.encode() + b"\0"; at = len(buf); buf += struct.pack("<I", len(v) - 1) + v; return at
    if isinstance(v, bytes): at = len(buf); buf += struct.pack("<I", len(v)) + v; return at
    if isinstance(v, Vec):
        if v.fmt == "q": buf += bytes(4)  # elements of 8 bytes are aligned to them
        at = len(buf)
        buf += struct.pack("<I%d%s" % (len(v.values), v.fmt), len(v.values), *v.values)
        return at
    if isinstance(v, list):
        at = len(buf)
        buf += struct.pack("<I", len(v)) + bytes(4 * len(v))
        for i, child in enumerate(v):
            here = at + 4 + 4 * i
            struct.pack_into("<I", buf, here, emit(buf, child) - here)
        return at
    slots, places, fields = max(v) + 1 if v else 0, {}, bytearray(4)
    for slot, value in sorted(v.items()):
        fmt, number = value if isinstance(value, tuple) else ("I", 0)
        while len(fields) % struct.calcsize(fmt): fields.append(0)
        places[slot] = len(fields)
        fields += struct.pack("<" + fmt, number)
    vtable = struct.pack("<HH%dH" % slots, 4 + 2 * slots, len(fields), *[places.get(s, 0) for s in range(slots)])
    start = len(buf)
    buf += vtable
    while len(buf) % 8: buf.append(0)
    at = len(buf)
    struct.pack_into("<i", fields, 0, at - start)
    buf += fields
    for slot, value in sorted(v.items()):
        if not isinstance(value, tuple):
            here = at + places[slot]
            struct.pack_into("<I", buf, here, emit(buf, value) - here)
    return at

KINDS = {"float32": 0, "float16": 1, "int32": 2, "int8": 9}

class Net:
    """A file with one subgraph, built tensor by tensor."""
    def __init__(self): self.tensors, self.buffers, self.codes, self.ops, self.n = [], [{}], [], [], 0

    def tensor(self, shape, data=None, kind="float32", scale=None, zero=None, axis=0):
        t = {0: Vec("i", shape), 1: ("b", KINDS[kind]), 3: "t%d;merged" % len(self.tensors)}
        if data is not None:
            t[2] = ("I", len(self.buffers))
            self.buffers.append({0: np.ascontiguousarray(data, kind).tobytes()})
        if scale is not None:
            t[4] = {2: Vec("f", scale), 3: Vec("q", zero), 6: ("i", axis)}
        self.tensors.append(t)
        return len(self.tensors) - 1

    def op(self, code, inputs, shape, union=0, options=None, **how):
        y = self.tensor(shape, **how)
        self.codes.append({0: ("b", min(code, 127)), 3: ("i", code)})
        o = {0: ("I", len(self.codes) - 1), 1: Vec("i", inputs), 2: Vec("i", [y])}
        if options is not None: o[3], o[4] = ("B", union), options
        self.ops.append(o)
        return y

    def bytes(self, inputs, outputs):
        graph = {0: self.tensors, 1: Vec("i", inputs), 2: Vec("i", outputs), 3: self.ops, 4: "main"}
        buf = bytearray(8)
        struct.pack_into("<I4s", buf, 0, 0, b"TFL3")
        struct.pack_into("<I", buf, 0, emit(buf, {0: ("I", 3), 1: self.codes, 2: [graph], 3: "by hand", 4: self.buffers}))
        return bytes(buf)

# ---- reader

class Table:
    def __init__(self, b, at): self.b, self.at, self.v = b, at, at - struct.unpack_from("<i", b, at)[0]
    def place(self, slot):
        if 4 + 2 * slot >= struct.unpack_from("<H", self.b, self.v)[0]: return 0
        o = struct.unpack_from("<H", self.b, self.v + 4 + 2 * slot)[0]
        return self.at + o if o else 0
    def get(self, slot, fmt, default=0):
        p = self.place(slot)
        return struct.unpack_from("<" + fmt, self.b, p)[0] if p else default
    def sub(self, slot):
        p = self.place(slot)
        return Table(self.b, p + struct.unpack_from("<I", self.b, p)[0]) if p else None
    def vec(self, slot, fmt):
        p = self.place(slot)
        if not p: return []
        p += struct.unpack_from("<I", self.b, p)[0]
        return list(struct.unpack_from("<%d%s" % (struct.unpack_from("<I", self.b, p)[0], fmt), self.b, p + 4))
    def tables(self, slot):
        p = self.place(slot)
        p += struct.unpack_from("<I", self.b, p)[0]
        n = struct.unpack_from("<I", self.b, p)[0]
        return [Table(self.b, q + struct.unpack_from("<I", self.b, q)[0]) for q in range(p + 4, p + 4 + 4 * n, 4)]

def constant(t, buffers):
    data = bytes(buffers[t.get(2, "I")].vec(0, "B"))
    if not data: return None
    kind = {v: k for k, v in KINDS.items()}[t.get(1, "b")]
    v = np.frombuffer(data, kind).reshape(t.vec(0, "i")).astype(np.float64)
    q = t.sub(4)
    scale = q.vec(2, "f") if q else []
    if scale:
        along = [1] * v.ndim
        if len(scale) > 1: along[q.get(6, "i")] = len(scale)
        v = (v - np.reshape(q.vec(3, "q"), along)) * np.reshape(scale, along)
    return v

# ---- evaluation

def spans(size, k, stride, dilation, same):
    """Output size and zeros in front."""
    wide = (k - 1) * dilation + 1
    if not same: return (size - wide) // stride + 1, 0
    out = -(-size // stride)
    return out, max(0, (out - 1) * stride + wide - size) // 2

def windows(x, kernel, o, dilation=(1, 1)):
    """For every tap: its offset, what it reads [N, H, W, C], and where that is inside of x."""
    same, sw, sh = o.get(0, "b") == 0, o.get(1, "i"), o.get(2, "i")
    (oh, top), (ow, left) = spans(x.shape[1], kernel[0], sh, dilation[0], same), spans(x.shape[2], kernel[1], sw, dilation[1], same)
    for r in range(kernel[0]):
        for c in range(kernel[1]):
            rows, cols = np.arange(oh) * sh + r * dilation[0] - top, np.arange(ow) * sw + c * dilation[1] - left
            inside = ((rows >= 0) & (rows < x.shape[1]))[:, None] & ((cols >= 0) & (cols < x.shape[2]))[None, :]
            v = x[:, rows.clip(0, x.shape[1] - 1)][:, :, cols.clip(0, x.shape[2] - 1)]
            yield (r, c), v * inside[None, :, :, None], inside

def act(n, v):
    return {0: lambda: v, 1: lambda: v.clip(0), 2: lambda: v.clip(-1, 1), 3: lambda: v.clip(0, 6), 4: lambda: np.tanh(v)}[n]()

def groups(v, w):
    """Products of channels and weights [outputs, channels of a group]."""
    n = v.shape[3] // w.shape[1]
    return np.concatenate([a @ b.T for a, b in zip(np.split(v, n, 3), np.split(w, n, 0))], 3)

def apply(code, x, o, shape):
    if code in (3, 4):
        fused, d = (3, 4) if code == 3 else (4, 5)
        y, w = 0, x[1]
        for (r, c), v, _ in windows(x[0], w.shape[1:3], o, (o.get(d + 1, "i", 1), o.get(d, "i", 1))):
            y = y + (groups(v, w[:, r, c]) if code == 3 else np.repeat(v, w.shape[3] // v.shape[3], axis=3) * w[0, r, c])
        return act(o.get(fused, "b"), y + (x[2] if len(x) > 2 else 0))
    if code in (1, 17):
        kernel = (o.get(4, "i"), o.get(3, "i"))
        taps = list(windows(x[0], kernel, o))
        inside = np.stack([i for _, _, i in taps])[:, None, :, :, None]
        v = np.stack([v for _, v, _ in taps])
        return act(o.get(5, "b"), v.sum(0) / inside.sum(0) if code == 1 else np.where(inside, v, -np.inf).max(0))
    if code == 9:
        return act(o.get(0, "b"), x[0].reshape(x[0].shape[0], -1) @ x[1].T + (x[2] if len(x) > 2 else 0))
    if code in (0, 18): return act(o.get(0, "b") if o else 0, x[0] + x[1] if code == 0 else x[0] * x[1])
    if code == 25:
        e = np.exp(x[0] - x[0].max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)
    if code == 40: return x[0].mean((1, 2), keepdims=bool(o.get(0, "b") if o else 0))
    if code == 22: return x[0].reshape(shape)
    return {6: lambda v: v, 114: lambda v: v, 14: lambda v: 1 / (1 + np.exp(-v)), 19: lambda v: v.clip(0), 21: lambda v: v.clip(0, 6), 28: np.tanh}[code](x[0])

def evaluate(b, x):
    root = Table(b, struct.unpack_from("<I", b)[0])
    graph, codes, buffers = root.tables(2)[0], root.tables(1), root.tables(4)
    tensors = graph.tables(0)
    values = [constant(t, buffers) for t in tensors]
    values[graph.vec(1, "i")[0]] = x.astype(np.float64)
    for o in graph.tables(3):
        c = codes[o.get(0, "I")]
        y = o.vec(2, "i")[0]
        values[y] = apply(max(c.get(0, "b"), c.get(3, "i")), [values[i] for i in o.vec(1, "i") if i >= 0], o.sub(4), tensors[y].vec(0, "i"))
    return values[graph.vec(2, "i")[0]], tensors[graph.vec(1, "i")[0]].vec(0, "i")

# ---- the files

def conv(pad, stride, fused, dilation=(1, 1)):
    return {0: ("b", pad), 1: ("i", stride[1]), 2: ("i", stride[0]), 3: ("b", fused), 4: ("i", dilation[1]), 5: ("i", dilation[0])}

def deep(pad, stride, mult, fused, dilation=(1, 1)):
    return {0: ("b", pad), 1: ("i", stride[1]), 2: ("i", stride[0]), 3: ("i", mult), 4: ("b", fused), 5: ("i", dilation[1]), 6: ("i", dilation[0])}

def pool(pad, stride, kernel, fused=0):
    return {0: ("b", pad), 1: ("i", stride[1]), 2: ("i", stride[0]), 3: ("i", kernel[1]), 4: ("i", kernel[0]), 5: ("b", fused)}

def nets(r):
    w = lambda *s: r.normal(size=s)
    n = Net()  # filters of all kinds, SAME with odd sizes, softmax at the end
    x = n.tensor([1, 9, 6, 2])
    a = n.op(3, [x, n.tensor([4, 3, 4, 2], w(4, 3, 4, 2)), n.tensor([4], w(4))], [1, 5, 3, 4], 1, conv(0, (2, 2), 1))
    b = n.op(4, [a, n.tensor([1, 3, 3, 8], w(1, 3, 3, 8)), n.tensor([8], w(8))], [1, 5, 3, 8], 2, deep(0, (1, 1), 2, 3))
    c = n.op(3, [b, n.tensor([6, 2, 2, 8], w(6, 2, 2, 8)), -1], [1, 3, 1, 6], 1, conv(1, (1, 1), 2, (2, 2)))
    d = n.op(22, [c], [1, 18], 17, {0: Vec("i", [-1, 18])})
    e = n.op(9, [d, n.tensor([5, 18], w(5, 18)), n.tensor([5], w(5))], [1, 5], 8, {})
    yield "filters", n.bytes([x], [n.op(25, [e], [1, 5], 9, {0: ("f", 1)})])
    n = Net()  # pools, sums, products, means, shapes
    x = n.tensor([1, 6, 7, 3])
    a = n.op(1, [x], [1, 3, 4, 3], 5, pool(0, (2, 2), (3, 3)))
    b = n.op(17, [x], [1, 3, 4, 3], 5, pool(0, (2, 2), (2, 3), 1))
    c = n.op(0, [a, b], [1, 3, 4, 3], 11, {0: ("b", 4)})
    d = n.op(18, [c, n.tensor([3], w(3))], [1, 3, 4, 3], 21, {})
    e = n.op(0, [n.tensor([4, 3], w(4, 3)), d], [1, 3, 4, 3])
    f = n.op(22, [e, n.tensor([2], [-1, 36], "int32")], [1, 36])
    g = n.op(22, [f], [1, 2, 3, 6])
    h = n.op(14, [n.op(21, [n.op(28, [g], [1, 2, 3, 6])], [1, 2, 3, 6])], [1, 2, 3, 6])
    i = n.op(40, [h, n.tensor([2], [1, 2], "int32")], [1, 6], 27, {0: ("b", 0)})
    k = n.op(9, [h, n.tensor([6, 36], w(6, 36))], [1, 6], 8, {0: ("b", 1)})
    yield "shapes", n.bytes([x], [n.op(0, [i, k], [1, 6])])
    n = Net()  # bytes along an axis, float16 behind DEQUANTIZE, a grouped convolution, a kept mean
    x = n.tensor([1, 4, 4, 4], kind="int8", scale=[0.5], zero=[-3])
    q = lambda *s: r.integers(-127, 128, size=s)
    a = n.op(3, [x, n.tensor([2, 3, 3, 4], q(2, 3, 3, 4), "int8", [.01, .02], [0, 0]), n.tensor([2], q(2), "int32", [.005, .01], [0, 0])],
             [1, 4, 4, 2], 1, conv(0, (1, 1), 1), kind="int8", scale=[.1], zero=[-128])
    b = n.op(4, [a, n.tensor([1, 2, 2, 2], q(1, 2, 2, 2), "int8", [.03, .01], [0, 0], 3), n.tensor([2], q(2), "int32", [.003, .001], [0, 0])],
             [1, 3, 3, 2], 2, deep(1, (1, 1), 1, 0), kind="int8", scale=[.1], zero=[0])
    c = n.op(6, [b], [1, 3, 3, 2])
    h = n.op(6, [n.tensor([1, 3, 3, 2], w(1, 3, 3, 2), "float16")], [1, 3, 3, 2])
    d = n.op(18, [c, h], [1, 3, 3, 2])
    e = n.op(3, [d, n.tensor([4, 1, 1, 1], w(4, 1, 1, 1))], [1, 3, 3, 4], 1, conv(0, (1, 1), 0))
    f = n.op(40, [e, n.tensor([2], [2, 1], "int32")], [1, 1, 1, 4], 27, {0: ("b", 1)})
    yield "bytes", n.bytes([x], [n.op(114, [n.op(9, [f, n.tensor([3, 4], q(3, 4), "int8", [.02], [5])], [1, 3], 8, {})], [1, 3])])

def pattern(shape):
    """Numbers of a size that networks take: the same in the test."""
    return np.array([math.sin(0.37 * i * i) * 2 for i in range(int(np.prod(shape)))], np.float32).reshape(shape)

here = os.path.dirname(os.path.abspath(__file__))
golden, files = {}, []
if len(sys.argv) == 3 and sys.argv[1] == "real":
    out, folder = "real.json", sys.argv[2]
    files = [(f, open(os.path.join(folder, f), "rb").read()) for f in sorted(os.listdir(folder))]
else:
    out = "nets.json"
    for name, b in nets(np.random.default_rng(1)):
        open(os.path.join(here, name + ".tflite"), "wb").write(b)
        files.append((name + ".tflite", b))
for name, b in files:
    root = Table(b, struct.unpack_from("<I", b)[0])
    graph = root.tables(2)[0]
    y, shape = evaluate(b, pattern(graph.tables(0)[graph.vec(1, "i")[0]].vec(0, "i")))
    golden[name] = {"input": shape, "output": [float("%.7g" % v) for v in y.ravel()]}
json.dump(golden, open(os.path.join(here, out), "w"), indent=None, separators=(",", ":"))
