package lutra

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// assemble makes a file of its description: tokens, each of which stands for
// bytes. It lets the corpus under testdata/malformed spell out binary files.
//
//	1f 8b                two hexadecimal digits: a byte
//	"a\x00" `raw`        the bytes of a Go string
//	u8:N u16:N u32:N u64:N U16:N U32:N f32:X   a number, little endian (capital: big endian);
//	                     N may add up numbers and labels: u32:@end-@begin+4
//	@name                a label: the offset here, in the innermost block
//	let name { ... }     names tokens; $name stands for them
//	100* { ... }         repeats
//	{ ... }              the block behind its length as a varint
//	size32 { ... }       the length of the block alone; crc32, sha256, sha256hex: its checksum
//	gzip { ... } zlib { ... }      the block, compressed
//	png { "IHDR" ... }   a chunk: length, content, checksum
//	tar "name" { ... }   a member of an archive; tar:N says N bytes, whatever follows; tarend ends the archive
//	file "path"          the bytes of a file of this repository
//	// ...               a comment, to the end of the line
func assemble(text string) ([]byte, error) {
	labels := map[string]int{}
	for pass := range 2 { // labels may be used before they are known
		a := assembler{tokens: token.FindAllString(text, -1), labels: labels, blocks: map[string][]string{}, final: pass == 1}
		b, err := a.block(false)
		if err != nil || pass == 1 {
			return b, err
		}
	}
	panic("unreachable")
}

var token = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|//[^\n]*|[{}]|[^\\s{}]+")

type assembler struct {
	tokens []string
	labels map[string]int
	blocks map[string][]string
	final  bool
}

func (a *assembler) next() string {
	for len(a.tokens) > 0 {
		t := a.tokens[0]
		a.tokens = a.tokens[1:]
		if !strings.HasPrefix(t, "//") {
			return t
		}
	}
	return ""
}

// block assembles to the end, or to the closing brace of an inner block.
func (a *assembler) block(inner bool) ([]byte, error) {
	out := []byte{}
	for {
		t := a.next()
		switch {
		case t == "" && inner:
			return nil, fmt.Errorf("expected }, found the end")
		case t == "" || t == "}" && inner:
			return out, nil
		case t[0] == '@':
			a.labels[t] = len(out)
			continue
		}
		b, err := a.token(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t, err)
		}
		out = append(out, b...)
	}
}

var number = regexp.MustCompile(`^([uU])(8|16|32|64):(.+)$`)

func (a *assembler) token(t string) ([]byte, error) {
	switch {
	case t[0] == '"' || t[0] == '`':
		s, err := strconv.Unquote(t)
		return []byte(s), err
	case t == "let":
		name := a.next()
		a.next() // {
		a.blocks["$"+name] = a.skip()
		return nil, nil
	case t[0] == '$':
		body, ok := a.blocks[t]
		if !ok {
			return nil, fmt.Errorf("not defined")
		}
		a.tokens = append(append([]string{}, body...), a.tokens...)
		return nil, nil
	case strings.HasPrefix(t, "f32:"):
		v, err := strconv.ParseFloat(t[4:], 32)
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v))), err
	case number.MatchString(t):
		return a.number(number.FindStringSubmatch(t))
	case len(t) == 2 && t[1] != '*':
		return hex.DecodeString(t)
	}
	return a.function(t)
}

// skip returns the tokens up to the brace that closes.
func (a *assembler) skip() []string {
	var body []string
	for depth := 1; ; {
		t := a.next()
		switch t {
		case "":
			return body
		case "{":
			depth++
		case "}":
			if depth--; depth == 0 {
				return body
			}
		}
		body = append(body, t)
	}
}

func (a *assembler) number(m []string) ([]byte, error) {
	var sum int64
	for _, term := range regexp.MustCompile(`[+-]?[^+-]+`).FindAllString(m[3], -1) {
		text, sign := strings.TrimLeft(term, "+-"), int64(1)
		if term[0] == '-' {
			sign = -1
		}
		if text[0] == '@' {
			at, ok := a.labels[text]
			if a.final && !ok {
				return nil, fmt.Errorf("no label %s", text)
			}
			sum += sign * int64(at)
			continue
		}
		v, err := strconv.ParseUint(text, 0, 64)
		if err != nil {
			return nil, err
		}
		sum += sign * int64(v)
	}
	size, err := strconv.Atoi(m[2])
	if m[1] == "U" {
		return binary.BigEndian.AppendUint64(nil, uint64(sum))[8-size/8:], err
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(sum))[:size/8], err
}

// function is a token that takes a block, or a name and perhaps a block.
func (a *assembler) function(t string) ([]byte, error) {
	name, option, _ := strings.Cut(t, ":")
	switch name {
	case "file":
		path, err := strconv.Unquote(a.next())
		if err != nil {
			return nil, err
		}
		return os.ReadFile(filepath.FromSlash(path))
	case "tar":
		return a.member(option)
	case "tarend":
		return make([]byte, 1024), nil
	}
	if t != "{" {
		if open := a.next(); open != "{" {
			return nil, fmt.Errorf("expected a token of assemble, and a block, found %q", open)
		}
	}
	b, err := a.block(true)
	if err != nil {
		return nil, err
	}
	if times, ok := strings.CutSuffix(t, "*"); ok {
		n, err := strconv.Atoi(times)
		return bytes.Repeat(b, n), err
	}
	f, ok := transforms[t]
	if !ok {
		return nil, fmt.Errorf("unknown")
	}
	return f(b), nil
}

var transforms = map[string]func([]byte) []byte{
	"{":      func(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) },
	"size32": func(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(len(b))) },
	"crc32":  func(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) },
	"sha256": func(b []byte) []byte { h := sha256.Sum256(b); return h[:] },
	"sha256hex": func(b []byte) []byte {
		return fmt.Appendf(nil, "%x", sha256.Sum256(b))
	},
	"png": func(b []byte) []byte {
		out := append(binary.BigEndian.AppendUint32(nil, uint32(len(b)-4)), b...)
		return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(b))
	},
	"gzip": func(b []byte) []byte {
		return compressed(b, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	},
	"zlib": func(b []byte) []byte {
		return compressed(b, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	},
}

func compressed(b []byte, writer func(io.Writer) io.WriteCloser) []byte {
	var out bytes.Buffer
	w := writer(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// member is a file of a tar archive: its header, and its contents padded to blocks of 512 bytes.
func (a *assembler) member(size string) ([]byte, error) {
	name, err := strconv.Unquote(a.next())
	if err != nil {
		return nil, err
	}
	a.next() // {
	b, err := a.block(true)
	if err != nil {
		return nil, err
	}
	h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(b))}
	if size != "" {
		if h.Size, err = strconv.ParseInt(size, 0, 64); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	if err := tar.NewWriter(&out).WriteHeader(h); err != nil {
		return nil, err
	}
	out.Write(b)
	return append(out.Bytes(), make([]byte, (512-len(b)%512)%512)...), nil
}
