package torch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"slices"
	"strings"

	"lutra/internal/safe"
)

// archive is a zip file as torch.save writes it: no comment, nothing outside
// the members, all members uncompressed and inside one folder. The reader is
// our own because archive/zip is lenient by design: it takes the directory's
// word for what the headers of the members contradict.
type archive struct {
	file    string
	data    []byte
	folder  string
	members map[string]member // by path inside the folder
}

type member struct {
	name       string // as the archive has it, for messages
	flags      uint16
	method     uint16
	crc        uint32
	start, end int // the local header and the data
	size       int // of the data, at the end of this region
}

// Sizes and signatures of the records of a zip file (APPNOTE.TXT 4.3).
const (
	localSignature   = 0x04034b50
	centralSignature = 0x02014b50
	endSignature     = 0x06054b50
	end64Signature   = 0x06064b50
	locatorSignature = 0x07064b50

	localBytes   = 30
	centralBytes = 46
	endBytes     = 22
	end64Bytes   = 56
	locatorBytes = 20

	flagEncrypted  = 1 << 0
	flagDescriptor = 1 << 3 // sizes and checksum follow the data
)

var le = binary.LittleEndian

func (a *archive) fail(path, field, expected, found string) error {
	return &safe.FormatError{
		File: a.file, Where: fmt.Sprintf("member %.60q", path), Field: field,
		Expected: expected, Found: found, Hint: "save it again with torch.save",
	}
}

// failAt is a FormatError about the archive's own records.
func (a *archive) failAt(offset int, expected, found string) error {
	return &safe.FormatError{File: a.file, Where: fmt.Sprintf("offset %d", offset), Field: "zip archive", Expected: expected, Found: found}
}

// read is the content of a member, its checksum verified.
func (a *archive) read(path string) ([]byte, error) {
	m, ok := a.members[path]
	if !ok {
		return nil, a.fail(path, "", "a member of that name", "none")
	}
	b := a.data[m.end-m.size : m.end]
	if got := crc32.ChecksumIEEE(b); got != m.crc {
		return nil, a.fail(m.name, "checksum", fmt.Sprintf("%08x", m.crc), fmt.Sprintf("%08x", got))
	}
	return b, nil
}

// openArchive reads the directory and checks every member's header against it.
func openArchive(file string, b []byte) (*archive, error) {
	a := &archive{file: file, data: b, members: map[string]member{}}
	pos, end, count, err := a.directory()
	if err != nil {
		return nil, err
	}
	directory := pos
	for range count {
		m, next, err := a.record(pos, end)
		if err != nil {
			return nil, err
		}
		if err := a.add(m, directory); err != nil {
			return nil, err
		}
		pos = next
	}
	if pos != end {
		return nil, a.failAt(pos, fmt.Sprintf("%d members", count), "more of the directory")
	}
	return a, a.checkOverlap()
}

// directory finds the directory's region and the number of its records.
func (a *archive) directory() (start, end, count int, err error) {
	end = len(a.data) - endBytes
	if end < 0 || le.Uint32(a.data[end:]) != endSignature || le.Uint16(a.data[end+20:]) != 0 {
		return 0, 0, 0, a.failAt(max(end, 0), "the end of a zip directory, without a comment", "other bytes")
	}
	r := a.data[end:]
	disks := le.Uint32(r[4:])
	n, size, offset := uint64(le.Uint16(r[10:])), uint64(le.Uint32(r[12:])), uint64(le.Uint32(r[16:]))
	if at := end - locatorBytes; at >= end64Bytes && le.Uint32(a.data[at:]) == locatorSignature {
		end = at - end64Bytes
		r = a.data[end:]
		if le.Uint32(r) != end64Signature || le.Uint64(a.data[at+8:]) != uint64(end) {
			return 0, 0, 0, a.failAt(at, "a locator of the zip64 directory in front of it", "another place")
		}
		n, size, offset = le.Uint64(r[32:]), le.Uint64(r[40:]), le.Uint64(r[48:])
	}
	switch {
	case disks != 0:
		return 0, 0, 0, a.failAt(end, "an archive in one part", "several disks")
	case size > uint64(end) || offset != uint64(end)-size:
		return 0, 0, 0, a.failAt(end, "a directory that ends here", fmt.Sprintf("%d bytes at offset %d", size, offset))
	case n > size/centralBytes || n > 2*safe.MaxTensors:
		return 0, 0, 0, a.failAt(end, fmt.Sprintf("at most %d members", min(size/centralBytes, 2*safe.MaxTensors)), fmt.Sprint(n))
	}
	return int(offset), end, int(n), nil
}

// record reads the directory record at pos, and the offset behind it.
func (a *archive) record(pos, end int) (m member, next int, err error) {
	if end-pos < centralBytes || le.Uint32(a.data[pos:]) != centralSignature {
		return m, 0, a.failAt(pos, "a directory record", "other bytes")
	}
	r := a.data[pos:end]
	nameLen, rest := int(le.Uint16(r[28:])), int(le.Uint16(r[30:]))+int(le.Uint16(r[32:]))
	if nameLen+rest > len(r)-centralBytes {
		return m, 0, a.failAt(pos, "a directory record", "one that is cut short")
	}
	m = member{
		name: string(r[centralBytes:][:nameLen]), flags: le.Uint16(r[8:]), method: le.Uint16(r[10:]),
		crc: le.Uint32(r[16:]), start: int(le.Uint32(r[42:])), size: int(le.Uint32(r[24:])),
	}
	switch stored := int(le.Uint32(r[20:])); {
	case m.flags&flagEncrypted != 0:
		err = a.fail(m.name, "encryption", "none", "an encrypted member")
	case m.method != 0 && strings.Contains(m.name, "/code/"):
		err = a.script(m.name)
	case m.method != 0:
		err = a.fail(m.name, "compression", "none", fmt.Sprintf("method %d", m.method))
	case stored != m.size:
		err = a.fail(m.name, "size", fmt.Sprint(stored), fmt.Sprint(m.size))
	}
	return m, pos + centralBytes + nameLen + rest, err
}

// add checks a member's name and local header and adds it. Data end before limit.
func (a *archive) add(m member, limit int) error {
	folder, path, found := strings.Cut(m.name, "/")
	if !found || len(m.name) > safe.MaxNameBytes || !fs.ValidPath(m.name) || strings.ContainsAny(m.name, "\\\x00") {
		return a.fail(m.name, "name", "a plain path inside one folder", "another")
	}
	if len(a.members) == 0 {
		a.folder = folder
	}
	if folder != a.folder {
		return a.fail(m.name, "folder", fmt.Sprintf("%.60q", a.folder), fmt.Sprintf("%.60q", folder))
	}
	if _, ok := a.members[path]; ok {
		return a.fail(m.name, "name", "each name once", "it again")
	}
	if m.start < 0 || m.size < 0 || m.start > limit-localBytes || le.Uint32(a.data[m.start:]) != localSignature {
		return a.fail(m.name, "local header", "a header", fmt.Sprintf("other bytes at offset %d", m.start))
	}
	r := a.data[m.start:limit]
	nameLen, extra := int(le.Uint16(r[26:])), int(le.Uint16(r[28:]))
	if nameLen+extra > len(r)-localBytes || m.size > len(r)-localBytes-nameLen-extra {
		return a.fail(m.name, "data", fmt.Sprintf("%d bytes in front of the directory", m.size), "fewer")
	}
	m.end = m.start + localBytes + nameLen + extra + m.size
	if string(r[localBytes:][:nameLen]) != m.name || le.Uint16(r[6:]) != m.flags || le.Uint16(r[8:]) != m.method {
		return a.fail(m.name, "local header", "the directory's name, flags and method", "others")
	}
	// A zero checksum and sizes are how a header says that they follow the data.
	known := le.Uint32(r[14:]) != 0 || le.Uint32(r[18:]) != 0 || le.Uint32(r[22:]) != 0
	if (m.flags&flagDescriptor == 0 || known) &&
		(le.Uint32(r[14:]) != m.crc || int(le.Uint32(r[18:])) != m.size || int(le.Uint32(r[22:])) != m.size) {
		return a.fail(m.name, "local header", "the directory's sizes and checksum", "others")
	}
	a.members[path] = m
	return nil
}

func (a *archive) checkOverlap() error {
	all := make([]member, 0, len(a.members))
	for _, m := range a.members {
		all = append(all, m)
	}
	slices.SortFunc(all, func(x, y member) int { return cmp.Compare(x.start, y.start) })
	for i, m := range all {
		if i > 0 && m.start < all[i-1].end {
			return a.fail(m.name, "data", "members that do not overlap", fmt.Sprintf("an overlap with %.60q", all[i-1].name))
		}
	}
	return nil
}
