// Command machines makes sounds of machines and the features that MLPerf
// Tiny's anomaly detector reads: five frames of 128 log-mel bands.
//
//	go run ./cmd/machines -o FOLDER [-normal 60] [-test 40] [-seed 1]
//
// It writes train.npy, rows of normal sounds, test.npy and test.csv, which
// says of each row whether its sound is an anomaly (1) or normal (0). A machine is a
// motor with harmonics, a fan's noise and a bearing; an anomaly is one of
// clicks, another speed, added harmonics or rubbing (sounds.go). The same seed
// makes the same sounds.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("machines: ")
	out := flag.String("o", "", "folder to write to")
	normal := flag.Int("normal", 60, "normal sounds to learn from")
	test := flag.Int("test", 40, "sounds to test on, every second one an anomaly")
	seed := flag.Uint64("seed", 1, "of all sounds")
	flag.Parse()
	if *out == "" {
		log.Fatal("expected -o FOLDER")
	}
	if err := write(*out, *normal, *test, *seed); err != nil {
		log.Fatal(err)
	}
}

func write(folder string, normal, test int, seed uint64) error {
	var train, tested [][]float32
	for i := range normal {
		train = append(train, features(sound(rand.New(rand.NewPCG(seed, uint64(i))), none))...)
	}
	var labels []byte
	for i := range test {
		kind := none
		if i%2 == 1 {
			kind = anomalies[i/2%len(anomalies)]
		}
		rows := features(sound(rand.New(rand.NewPCG(seed, 1<<32+uint64(i))), kind))
		tested = append(tested, rows...)
		for range rows {
			labels = append(labels, "01"[i%2], '\n')
		}
	}
	standardise(train, tested)
	if err := os.WriteFile(filepath.Join(folder, "test.csv"), labels, 0o644); err != nil {
		return err
	}
	if err := writeRows(filepath.Join(folder, "test.npy"), tested); err != nil {
		return err
	}
	return writeRows(filepath.Join(folder, "train.npy"), train)
}

// standardise makes the mean of the training rows 2 and their deviation 1, and
// clips at 0 and 4: levels from 0 on need no table of their own.
func standardise(train, test [][]float32) {
	var sum, squares, n float64
	for _, row := range train {
		for _, v := range row {
			sum, squares, n = sum+float64(v), squares+float64(v)*float64(v), n+1
		}
	}
	mean := sum / n
	deviation := math.Sqrt(squares/n - mean*mean)
	for _, rows := range [][][]float32{train, test} {
		for _, row := range rows {
			for i, v := range row {
				row[i] = float32(math.Max(0, math.Min(4, (float64(v)-mean)/deviation+2)))
			}
		}
	}
}

// writeRows writes rows in NumPy's format, version 1.0.
func writeRows(path string, rows [][]float32) error {
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", len(rows), len(rows[0]))
	for (10+len(header)+1)%64 != 0 {
		header += " "
	}
	header += "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	b = append(b, header...)
	for _, row := range rows {
		for _, v := range row {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return os.WriteFile(path, b, 0o644)
}
