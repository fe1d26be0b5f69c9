package data

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lutra/internal/audio"
	"lutra/internal/safe"
)

// decodeWAV is the spectrum of a recording as a grey image: one row a frame.
func decodeWAV(b []byte) (*Image, error) {
	r, err := audio.DecodeWAV(b)
	if err != nil {
		return nil, err
	}
	s, err := audio.Spectrum(r)
	if err != nil {
		return nil, err
	}
	return greyImage(audio.Bands, audio.Frames, s), nil
}

// spokenDigit is a file name of the Free Spoken Digit Dataset: digit, speaker, number.
var spokenDigit = regexp.MustCompile(`^([0-9])_([a-z]+)_[0-9]+\.wav$`)

func isSpokenDigits(files []string) bool {
	return len(files) > 0 && !slices.ContainsFunc(files, func(f string) bool { return !spokenDigit.MatchString(f) })
}

// openSpokenDigits takes the recordings of the split: one speaker is held out for the test.
func openSpokenDigits(dir string, files []string, split string) (*Set, error) {
	part, heldOut, _ := strings.Cut(split, ":")
	var speakers []string
	for _, f := range files {
		speakers = append(speakers, spokenDigit.FindStringSubmatch(f)[2])
	}
	names := slices.Compact(slices.Sorted(slices.Values(speakers)))
	if heldOut == "" {
		heldOut = names[len(names)-1]
	}
	if !slices.Contains(names, heldOut) {
		return nil, &safe.FormatError{File: dir, Field: "split", Expected: "a speaker of " + strings.Join(names, ", "), Found: strconv.Quote(heldOut)}
	}
	var taken []string
	var labels []int
	for i, f := range files {
		if (speakers[i] == heldOut) == (part == "test") {
			taken = append(taken, f)
			labels = append(labels, int(f[0]-'0'))
		}
	}
	if len(taken) == 0 {
		return nil, &safe.FormatError{File: filepath.Join(dir), Field: "split " + split, Expected: "recordings of another speaker than " + heldOut, Found: "none"}
	}
	s := openFiles(dir, taken, labels)
	s.divided = true
	for digit := range 10 {
		s.classes = append(s.classes, fmt.Sprint(digit))
	}
	return s, nil
}
