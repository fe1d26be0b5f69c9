// Package audio turns recordings into images of their sound: WAV files into
// samples, samples into log-mel spectra by integer arithmetic alone.
package audio

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"lutra/internal/safe"
)

// Recording is sound of one channel.
type Recording struct {
	Rate    int // samples a second
	Samples []int16
}

// IsWAV says whether b begins as a WAV file does.
func IsWAV(b []byte) bool {
	return len(b) >= 12 && bytes.HasPrefix(b, []byte("RIFF")) && string(b[8:12]) == "WAVE"
}

const (
	formatPCM        = 1
	formatExtensible = 0xfffe // the format proper follows in the extension
)

// DecodeWAV reads a WAV file of uncompressed 16-bit samples in one channel.
// Errors do not name a file.
func DecodeWAV(b []byte) (*Recording, error) {
	if !IsWAV(b) {
		return nil, &safe.FormatError{Expected: "a WAV file (RIFF....WAVE)", Found: fmt.Sprintf("bytes % x", b[:min(len(b), 12)])}
	}
	var r Recording
	for at := 12; ; {
		if len(b)-at < 8 {
			return nil, &safe.FormatError{Where: fmt.Sprintf("offset %d", at), Field: "chunk", Expected: "data", Found: "the end of the file"}
		}
		id, size := string(b[at:at+4]), int(binary.LittleEndian.Uint32(b[at+4:]))
		body := b[at+8:]
		if size > len(body) {
			return nil, &safe.FormatError{Where: fmt.Sprintf("offset %d", at), Field: "chunk " + fmt.Sprintf("%q", id), Expected: fmt.Sprintf("at most %d bytes", len(body)), Found: fmt.Sprint(size)}
		}
		switch id {
		case "fmt ":
			if err := r.header(body[:size], at); err != nil {
				return nil, err
			}
		case "data":
			return r.read(body[:size], at)
		}
		at += 8 + size + size%2 // chunks are padded to even sizes
	}
}

func (r *Recording) header(h []byte, at int) error {
	fail := func(field, want, got string) error {
		return &safe.FormatError{Where: fmt.Sprintf("offset %d", at), Field: field, Expected: want, Found: got}
	}
	if len(h) < 16 {
		return fail("fmt chunk", "at least 16 bytes", fmt.Sprint(len(h)))
	}
	format := binary.LittleEndian.Uint16(h)
	if format == formatExtensible && len(h) >= 26 {
		format = binary.LittleEndian.Uint16(h[24:])
	}
	if format != formatPCM {
		return fail("format", "1 (PCM)", fmt.Sprint(format))
	}
	if channels := binary.LittleEndian.Uint16(h[2:]); channels != 1 {
		return fail("channels", "1", fmt.Sprint(channels))
	}
	if bits := binary.LittleEndian.Uint16(h[14:]); bits != 16 {
		return fail("bits per sample", "16", fmt.Sprint(bits))
	}
	rate := binary.LittleEndian.Uint32(h[4:])
	if rate == 0 || rate > 1<<20 {
		return fail("sample rate", fmt.Sprintf("1 to %d Hz", 1<<20), fmt.Sprint(rate))
	}
	r.Rate = int(rate)
	return nil
}

func (r *Recording) read(body []byte, at int) (*Recording, error) {
	if r.Rate == 0 {
		return nil, &safe.FormatError{Where: fmt.Sprintf("offset %d", at), Field: "chunk", Expected: "fmt before data", Found: "data"}
	}
	if len(body) < 2 || len(body)%2 != 0 {
		return nil, &safe.FormatError{Where: fmt.Sprintf("offset %d", at), Field: "data chunk", Expected: "samples of two bytes", Found: fmt.Sprintf("%d bytes", len(body))}
	}
	r.Samples = make([]int16, len(body)/2)
	for i := range r.Samples {
		r.Samples[i] = int16(binary.LittleEndian.Uint16(body[2*i:]))
	}
	return r, nil
}
