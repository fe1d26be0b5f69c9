// Command draw writes glyphs to standard output for train.py: for every image
// one byte of label, then 3*32*32 bytes of RGB pixels.
package main

import (
	"bufio"
	"flag"
	"log"
	"os"

	"lutra/internal/glyph"
)

func main() {
	seed := flag.Uint64("seed", 1, "stream of images")
	n := flag.Int("n", 1000, "number of images")
	flag.Parse()
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	for i := range *n {
		pix, label := glyph.Draw(*seed, i)
		if err := w.WriteByte(byte(label)); err != nil {
			log.Fatal(err)
		}
		if _, err := w.Write(pix); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
}
