"""Makes the golden images: python3 make.py, with Debian's PIL, torchvision and numpy.

NAME.png / NAME.jpg are inputs, NAME.rgb the pixels that Pillow decodes
(convert("RGB"), raw). resize/*.rgb are results of Image.resize and of
torchvision's Resize + CenterCrop; tensor.f32 of ToTensor + Normalize.
index.json lists all of them.
"""
import io
import json
import pathlib
import struct
import zlib

import numpy as np
import torchvision.transforms as T
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
MODES = T.InterpolationMode
index = {"decode": [], "resize": [], "crop": [], "luma": "", "tensor": ""}


def picture(h, w, seed=0):
    """Smooth colours, edges and texture."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:h, 0:w]
    channels = [127 + 80 * np.sin(x / 9 + c) + 40 * np.cos(y / 5 * (c + 1)) + 30 * ((x // 7 + y // 5) % 2) for c in range(3)]
    return np.clip(np.stack(channels, -1) + rng.randn(h, w, 3) * 8, 0, 255).astype(np.uint8)


def golden(name, data):
    """Stores an encoded image and what Pillow makes of it."""
    (HERE / name).write_bytes(data)
    image = Image.open(io.BytesIO(data))
    image.load()
    image = image.convert("RGB")
    (HERE / name).with_suffix(".rgb").write_bytes(image.tobytes())
    index["decode"].append({"file": name, "w": image.width, "h": image.height})


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(w, h, depth, colour, rows, extra=b"", interlace=0):
    """A PNG from its bytes, for kinds that Pillow does not write."""
    head = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def unfiltered(rows):
    return b"".join(b"\0" + bytes(r) for r in rows)


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def make_png():
    rgb = picture(13, 17)
    h, w = rgb.shape[:2]
    alpha = (np.arange(h * w).reshape(h, w, 1) % 256).astype(np.uint8)
    golden("rgb.png", encode(Image.fromarray(rgb), "PNG"))
    golden("grey.png", encode(Image.fromarray(rgb[..., 0]), "PNG"))
    golden("rgba.png", encode(Image.fromarray(np.concatenate([rgb, alpha], -1)), "PNG"))
    golden("la.png", encode(Image.fromarray(np.concatenate([rgb[..., :1], alpha], -1), "LA"), "PNG"))
    palette = Image.fromarray(rgb).quantize(11)
    golden("palette.png", encode(palette, "PNG"))
    golden("palette_trns.png", encode(palette, "PNG", transparency=3))
    golden("palette_1bit.png", encode(Image.fromarray(rgb).quantize(2), "PNG", bits=1))
    golden("bilevel.png", encode(Image.fromarray(rgb).convert("1"), "PNG"))
    golden("grey_trns.png", encode(Image.fromarray(rgb[..., 0]), "PNG", transparency=int(rgb[0, 0, 0])))
    golden("rgb_trns.png", encode(Image.fromarray(rgb), "PNG", transparency=tuple(int(v) for v in rgb[0, 0])))
    wide = np.random.RandomState(1).randint(0, 65536, (h, w, 4)).astype(">u2")
    wide[0, :, 0] = np.arange(w) * 20  # around the clipping of mode I
    golden("grey16.png", png(w, h, 16, 0, unfiltered(wide[y, :, 0].tobytes() for y in range(h))))
    trns = chunk(b"tRNS", wide[0, 3, 0].tobytes())
    golden("grey16_trns.png", png(w, h, 16, 0, unfiltered(wide[y, :, 0].tobytes() for y in range(h)), trns))
    golden("la16.png", png(w, h, 16, 4, unfiltered(wide[y, :, :2].tobytes() for y in range(h))))
    golden("rgb16.png", png(w, h, 16, 2, unfiltered(wide[y, :, :3].tobytes() for y in range(h))))
    golden("rgba16.png", png(w, h, 16, 6, unfiltered(wide[y].tobytes() for y in range(h))))
    golden("grey2.png", png(8, 3, 2, 0, unfiltered([[0x1b, 0xe4], [0, 0xff], [0x55, 0xaa]])))
    golden("grey4.png", png(4, 2, 4, 0, unfiltered([[0x01, 0x8f], [0x7e, 0xc3]])))
    passes = b"".join(unfiltered(r.tobytes() for r in rgb[y::dy, x::dx]) for x, y, dx, dy in ADAM7 if rgb[y::dy, x::dx].size)
    golden("interlaced.png", png(w, h, 8, 2, passes, interlace=1))


def sampling(data, hv, h, w):
    """Rewrites size and luma sampling factors of a JPEG's frame header.

    Pillow writes 4:4:4, 4:2:2 and 4:2:0 only; the blocks of a 4:2:2 file read as 4:4:0
    and those of a 4:2:0 file as 4:1:1 show garbled pixels, but both decoders
    must garble them alike."""
    at = data.index(b"\xff\xc0")
    frame = bytearray(data)
    frame[at + 5:at + 9] = struct.pack(">HH", h, w)
    frame[at + 11] = hv
    return bytes(frame)


def make_jpeg():
    for h, w in [(24, 32), (23, 35), (17, 33), (1, 1), (2, 3), (5, 4), (9, 6)]:
        for name, subsampling in [("444", 0), ("422", 1), ("420", 2)]:
            golden(f"{name}_{w}x{h}.jpg", encode(Image.fromarray(picture(h, w)), "JPEG", quality=85, subsampling=subsampling))
    image = Image.fromarray(picture(37, 51, 3))
    golden("progressive_420.jpg", encode(image, "JPEG", quality=80, progressive=True))
    golden("progressive_422.jpg", encode(image, "JPEG", quality=90, progressive=True, subsampling=1))
    golden("low_quality.jpg", encode(image, "JPEG", quality=10))
    golden("luma.jpg", encode(image.convert("L"), "JPEG"))
    rgbk = np.concatenate([picture(21, 30), picture(21, 30, 4)[..., :1] // 2], -1)
    cmyk = encode(Image.fromarray(rgbk, "CMYK"), "JPEG", quality=90)
    golden("cmyk.jpg", cmyk)
    adobe = cmyk.index(b"Adobe")
    golden("ycck.jpg", cmyk[:adobe + 11] + b"\x02" + cmyk[adobe + 12:])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned, which neither loader does
    golden("exif.jpg", encode(image, "JPEG", exif=exif))
    golden("440_24x64.jpg", sampling(encode(Image.fromarray(picture(32, 48)), "JPEG", subsampling=1), 0x12, 64, 24))
    golden("411_61x16.jpg", sampling(encode(Image.fromarray(picture(32, 32)), "JPEG", subsampling=2), 0x41, 16, 61))


def make_resize():
    (HERE / "resize").mkdir(exist_ok=True)
    filters = {"nearest": Image.NEAREST, "box": Image.BOX, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
    source = Image.fromarray(picture(45, 61, 7))
    (HERE / "resize/source.png").write_bytes(encode(source, "PNG"))
    for name, f in filters.items():
        for w, h in [(20, 15), (61, 22), (33, 45), (70, 80), (7, 50), (1, 1)]:
            out = f"resize/{name}_{w}x{h}.rgb"
            (HERE / out).write_bytes(source.resize((w, h), f).tobytes())
            index["resize"].append({"file": out, "filter": name, "w": w, "h": h})
    for h, w in [(45, 61), (61, 45), (40, 40), (30, 31), (33, 90), (20, 90)]:
        for resize, crop in [(32, 28), (33, 28), (0, 30), (0, 31), (24, 40), (27, 27), (0, 64)]:
            image = Image.fromarray(picture(h, w, 9))
            steps = ([T.Resize(resize)] if resize else []) + [T.CenterCrop(crop)]
            result = np.asarray(T.Compose(steps)(image))
            index["crop"].append({"w": w, "h": h, "resize": resize, "crop": crop, "crc": zlib.crc32(result.tobytes()),
                                  "source": zlib.crc32(image.tobytes())})
            (HERE / f"resize/crop_{w}x{h}.png").write_bytes(encode(image, "PNG"))


def make_values():
    """Every pixel value through torchvision's arithmetic, and luma."""
    ramp = np.stack([np.arange(256)] * 3, -1).astype(np.uint8).reshape(16, 16, 3)
    tensor = T.Compose([T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])(Image.fromarray(ramp))
    index["tensor"] = "tensor.f32"
    (HERE / "tensor.f32").write_bytes(tensor.numpy().astype("<f4").tobytes())
    index["luma"] = "resize/source.luma"
    (HERE / "resize/source.luma").write_bytes(Image.open(HERE / "resize/source.png").convert("L").tobytes())


make_png()
make_jpeg()
make_resize()
make_values()
(HERE / "index.json").write_text(json.dumps(index, indent=0) + "\n")
