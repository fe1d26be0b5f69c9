package torch

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"testing"
)

var smallFiles = []string{"testdata/small.legacy.pth", "testdata/small.zip.pth"}

// TestEveryPrefix: no part of a file is taken for the whole.
func TestEveryPrefix(t *testing.T) {
	for _, path := range smallFiles {
		b := readBytes(t, path)
		if _, err := Decode("f.pth", b); err != nil {
			t.Fatal(err)
		}
		for n := range b {
			if _, err := Decode("f.pth", b[:n:n]); err == nil {
				t.Errorf("%s: the first %d of %d bytes are accepted", path, n, len(b))
			}
		}
	}
}

// TestEveryBitFlip: no single bit makes the reader panic or allocate without
// bound. In a zip archive every flip that reaches the pickle or a storage is found.
func TestEveryBitFlip(t *testing.T) {
	for _, path := range smallFiles {
		b := readBytes(t, path)
		for i := range b {
			for bit := range 8 {
				b[i] ^= 1 << bit
				bounded(t, b)
				b[i] ^= 1 << bit
			}
		}
	}
	b := readBytes(t, "testdata/small.zip.pth")
	a, err := openArchive("f.pth", b)
	if err != nil {
		t.Fatal(err)
	}
	for path, m := range a.members {
		if path != "data.pkl" && !strings.HasPrefix(path, "data/") {
			continue
		}
		for i := m.end - m.size; i < m.end; i++ {
			b[i] ^= 4
			_, err := Decode("f.pth", b)
			checkRefused(t, err, "checksum")
			b[i] ^= 4
		}
	}
}

func readBytes(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// entry is a member of a hand-made archive. Fields that are set replace what
// the directory, or the local header, would rightly say.
type entry struct {
	name, data      string
	localName       string
	method, flags   uint16
	crc             uint32
	size, localSize uint32
	offset          uint32
}

// makeZip writes an archive without zip64 records.
func makeZip(entries ...entry) string {
	var out, dir []byte
	for _, e := range entries {
		crc, size, local, name, offset := crc32.ChecksumIEEE([]byte(e.data)), uint32(len(e.data)), uint32(len(e.data)), e.name, uint32(len(out))
		crc += e.crc
		if e.size != 0 {
			size, local = e.size, e.size
		}
		if e.localSize != 0 {
			local = e.localSize
		}
		if e.localName != "" {
			name = e.localName
		}
		if e.offset != 0 {
			offset = e.offset
		}
		head := func(b []byte, signature uint32, size uint32, nameLen int) []byte {
			b = le.AppendUint32(b, signature)
			if signature == centralSignature {
				b = le.AppendUint16(b, 20)
			}
			for _, v := range []uint16{20, e.flags, e.method, 0, 0} {
				b = le.AppendUint16(b, v)
			}
			for _, v := range []uint32{crc, size, size, uint32(nameLen)} {
				b = le.AppendUint32(b, v)
			}
			return b
		}
		out = append(append(head(out, localSignature, local, len(name)), name...), e.data...)
		dir = head(dir, centralSignature, size, len(e.name))
		dir = append(dir, make([]byte, 10)...)
		dir = append(le.AppendUint32(dir, offset), e.name...)
	}
	at := len(out)
	out = append(out, dir...)
	out = le.AppendUint32(out, endSignature)
	out = le.AppendUint32(out, 0)
	out = le.AppendUint16(le.AppendUint16(out, uint16(len(entries))), uint16(len(entries)))
	out = le.AppendUint32(le.AppendUint32(out, uint32(len(dir))), uint32(at))
	return string(append(out, 0, 0))
}

var (
	pkl     = entry{name: "a/data.pkl", data: "\x80\x02" + rebuild("\x02", "K\x00K\x02\x85K\x01\x85") + "."}
	twoData = entry{name: "a/data/0", data: "aaaabbbb"}
)

func edited(s string, at int, b string) string {
	if at < 0 {
		at += len(s)
	}
	return s[:at] + b + s[at+len(b):]
}

var zipRefusals = []struct{ name, file, want string }{
	{"only a signature", "PK\x03\x04", "the end of a zip directory"},
	{"no members", makeZip(), `member "data.pkl": expected a member of that name`},
	{"no pickle", makeZip(twoData), `member "data.pkl": expected a member of that name`},
	{"no storage", makeZip(pkl), `member "data/0": expected a member of that name`},
	{"storage too small", makeZip(pkl, entry{name: "a/data/0", data: "aaaa"}), "expected 2 float32, found 4 bytes"},
	{"storage too large", makeZip(pkl, entry{name: "a/data/0", data: "aaaabbbbc"}), "expected 2 float32, found 9 bytes"},
	{"bytes behind the pickle", makeZip(entry{name: "a/data.pkl", data: "\x80\x02N.N"}), "1 more bytes"},
	{"wrong checksum", makeZip(pkl, entry{name: "a/data/0", data: "aaaabbbb", crc: 1}), "checksum"},
	{"wrong checksum of the pickle", makeZip(entry{name: "a/data.pkl", data: "\x80\x02N.", crc: 1}), "checksum"},
	{"deflated", makeZip(pkl, entry{name: "a/data/0", data: "aaaabbbb", method: 8}), "compression: expected none, found method 8"},
	{"encrypted", makeZip(pkl, entry{name: "a/data/0", data: "aaaabbbb", flags: 1}), "an encrypted member"},
	{"duplicate", makeZip(pkl, twoData, twoData), "each name once"},
	{"other folder", makeZip(pkl, entry{name: "b/data/0", data: "aaaabbbb"}), `folder: expected "a", found "b"`},
	{"no folder", makeZip(entry{name: "data.pkl", data: "\x80\x02N."}), "a plain path inside one folder"},
	{"dots", makeZip(pkl, entry{name: "a/../data/0", data: "aaaabbbb"}), "a plain path inside one folder"},
	{"leading dots", makeZip(entry{name: "../data.pkl", data: "\x80\x02N."}), "a plain path inside one folder"},
	{"absolute", makeZip(entry{name: "/a/data.pkl", data: "\x80\x02N."}), "a plain path inside one folder"},
	{"backslash", makeZip(entry{name: "a/data\\0", data: "x"}), "a plain path inside one folder"},
	{"NUL in a name", makeZip(entry{name: "a/data\x000", data: "x"}), "a plain path inside one folder"},
	{"a folder", makeZip(entry{name: "a/data/", data: ""}), "a plain path inside one folder"},
	{"name of 600 bytes", makeZip(entry{name: "a/" + strings.Repeat("b", 600), data: "x"}), "a plain path inside one folder"},
	{"other local name", makeZip(pkl, entry{name: "a/data/0", localName: "a/data/1", data: "aaaabbbb"}), "the directory's name"},
	{"other local size", makeZip(pkl, entry{name: "a/data/0", data: "aaaabbbb", localSize: 7}), "the directory's sizes"},
	{"size beyond the directory", makeZip(pkl, entry{name: "a/data/0", data: "aaaabbbb", size: 1000}), "1000 bytes in front of the directory"},
	{"size of 4 GiB", makeZip(pkl, entry{name: "a/data/0", data: "aaaabbbb", size: 1<<32 - 1}), "4294967295 bytes in front of the directory"},
	{"overlap", makeZip(entry{name: "a/data/0", data: makeZip(entry{name: "a/data/1", data: "x"})[:39]}, entry{name: "a/data/1", data: "x", offset: 38}), "members that do not overlap"},
	{"offset beyond the end", makeZip(pkl, entry{name: "a/data/0", data: "aaaabbbb", offset: 1 << 30}), "local header: expected a header"},
	{"offset into data", makeZip(pkl, entry{name: "a/data/0", data: "aaaabbbb", offset: 40}), "local header: expected a header"},
	{"TorchScript constants", makeZip(pkl, twoData, entry{name: "a/constants.pkl", data: "\x80\x02)."}), "a TorchScript archive"},
	{"TorchScript as PyTorch writes it, compressed", makeZip(pkl, twoData, entry{name: "a/code/__torch__.py", data: "x", method: 8}), "a TorchScript archive"},
	{"TorchScript code", makeZip(pkl, twoData, entry{name: "a/code/__torch__.py", data: "x"}), "a TorchScript archive"},
	{"big-endian", makeZip(pkl, twoData, entry{name: "a/byteorder", data: "big"}), `byte order: expected little, found "big"`},
	{"byte in front", "P" + makeZip(pkl, twoData), "expected a PyTorch file"},
	{"byte inside", strings.Replace(makeZip(pkl, twoData), "PK\x01\x02", "xPK\x01\x02", 1), "a directory that ends here"},
	{"byte behind", makeZip(pkl, twoData) + "x", "the end of a zip directory"},
	{"comment", edited(makeZip(pkl, twoData), -2, "\x01") + "x", "the end of a zip directory"},
	{"several disks", edited(makeZip(pkl, twoData), -18, "\x01"), "an archive in one part"},
	{"65535 members", edited(makeZip(pkl, twoData), -12, "\xff\xff"), "at most"},
	{"one member too few", edited(makeZip(pkl, twoData), -12, "\x01"), "more of the directory"},
	{"directory elsewhere", edited(makeZip(pkl, twoData), -6, "\x00"), "a directory that ends here"},
	{"directory of 4 GiB", edited(makeZip(pkl, twoData), -10, "\xff\xff\xff\xff"), "a directory that ends here"},
	{"other signature in the directory", strings.Replace(makeZip(pkl, twoData), "PK\x01\x02", "PK\x01\x03", 1), "a directory record"},
	{"unknown class inside", makeZip(entry{name: "a/data.pkl", data: "\x80\x02cos\nsystem\n."}), `data.pkl offset 2: GLOBAL: expected a class of tensors and plain values, found "os.system"`},
	{"storage key climbs", makeZip(entry{name: "a/data.pkl", data: "\x80\x02" + strings.Replace(rebuild("\x02", "K\x00K\x02\x85K\x01\x85"), "U\x010", "U\x06../../", 1) + "."}), "expected a member of that name"},
	{"tar archive", strings.Repeat("x", 257) + "ustar", "expected a PyTorch file"},
}

func TestZipRefusals(t *testing.T) {
	// The members that PyTorch 2 adds, and the archive that the others are made of.
	good := makeZip(pkl, twoData, entry{name: "a/byteorder", data: "little"}, entry{name: "a/version", data: "3\n"},
		entry{name: "a/.format_version", data: "1"}, entry{name: "a/.data/serialization_id", data: "1"})
	if _, err := Decode("f.pth", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range zipRefusals {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode("f.pth", []byte(c.file))
			checkRefused(t, err, c.want)
		})
	}
}

// TestManyMembers: a directory of the smallest records stays within memory.
func TestManyMembers(t *testing.T) {
	b := slices.Repeat(append(binary.LittleEndian.AppendUint32(nil, centralSignature), make([]byte, centralBytes-4)...), 100_000)
	end := []byte(makeZip())
	le.PutUint16(end[8:], 65535)
	le.PutUint16(end[10:], 65535)
	le.PutUint32(end[12:], uint32(len(b)))
	checkRefused(t, bounded(t, append(append([]byte("PK"), b...), end...)), "a directory that ends here")
	checkRefused(t, bounded(t, append(b, end...)), "a plain path")
}

func FuzzLegacy(f *testing.F) {
	f.Add([]byte(object("N")))
	for _, c := range refusals {
		if len(c.file) < 500 {
			f.Add([]byte(c.file))
		}
	}
	f.Add(readBytes(f, smallFiles[0]))
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b) })
}

func FuzzZip(f *testing.F) {
	for _, c := range zipRefusals {
		f.Add([]byte(c.file))
	}
	f.Add([]byte(makeZip(pkl, twoData)))
	f.Add(readBytes(f, smallFiles[1]))
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, b) })
}

// fuzz reads b, and imports what it holds.
func fuzz(t *testing.T, b []byte) {
	obj, err := Decode("f.pth", b)
	if err != nil {
		return
	}
	if g, _, err := build("f.pth", obj.Root, ImportOptions{}); err == nil && len(g.Nodes) == 0 {
		t.Error("an empty network")
	}
}
