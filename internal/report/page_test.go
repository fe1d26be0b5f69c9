package report

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"image"
	"image/color"
	_ "image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lutra/internal/plot"
)

// example has every part of a page, with names that must not become markup.
func example(t *testing.T) *Page {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 4, 3))
	img.SetNRGBA(1, 1, color.NRGBA{255, 0, 0, 255})
	picture, err := Picture(img, 8, `a "picture" <b>`)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("layer4.0.conv1/", 8)
	return &Page{
		Title: "<script>alert(1)</script> " + long, Lead: "A & B", Foot: "lutra compress <in>",
		Facts: []Fact{{"1.52 MiB", "file"}, {"29.3x", "smaller"}},
		Sections: []Section{
			{Title: "Size", Text: "text", Figures: []Figure{
				Drawing("a caption", plot.Bars{Title: "t", Names: []string{"<a>", long}, Groups: []plot.Group{{Name: "g", Values: []float64{1, 2}}}}),
				Drawing("", plot.Chart{Title: "c", Series: []plot.Series{{Name: "s", X: []float64{1, 2}, Y: []float64{3, 4}}}}, plot.Chart{}),
			}},
			{Title: "Table", Table: &Table{Columns: []string{"name", "bytes", "wide", "wider", "widest"}, Rows: [][]string{{long, "1", "2", "3", "4"}}}},
			{Title: "Images", Cards: []Card{{Image: picture, Lines: []string{"<i>", long}}, {Image: picture, Marked: true}}},
		},
	}
}

func write(t *testing.T, p *Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageNeedsNothingElse(t *testing.T) {
	text := write(t, example(t))
	for _, bad := range []string{"<script", "<i>", "<b>", "ZgotmplZ"} {
		if strings.Contains(text, bad) {
			t.Errorf("%s in the page", bad)
		}
	}
	for _, m := range regexp.MustCompile(`(?:src|href)\s*=\s*"([^"]*)"|url\(([^)]*)\)`).FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1]+m[2], "data:") {
			t.Errorf("the page refers to %q", m[0])
		}
	}
	if text != write(t, example(t)) {
		t.Error("two pages of the same result differ")
	}
}

// TestPageInBrowser looks at the page in Chromium: nothing on its console, and
// as wide as a phone is, without scrolling sideways.
func TestPageInBrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("LUTRA_REQUIRE_TOOLS") == "1" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed")
	}
	dir := t.TempDir()
	outer := fmt.Sprintf(`<!DOCTYPE html><body><iframe id=f style="width:390px;height:800px;border:0" srcdoc="%s"></iframe>
<script>onload = () => { document.body.innerHTML = "<p id=width>" + document.getElementById("f").contentDocument.documentElement.scrollWidth + "</p>" }</script>`,
		html.EscapeString(write(t, example(t))))
	path := filepath.Join(dir, "outer.html")
	if err := os.WriteFile(path, []byte(outer), 0o644); err != nil {
		t.Fatal(err)
	}
	dom, log := browse(t, browser, dir, "--dump-dom", path)
	if !strings.Contains(dom, `<p id="width">390</p>`) {
		t.Errorf("at a width of 390 pixels the page measures %q", regexp.MustCompile(`<p id="width">.*</p>`).FindString(dom))
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("console: %s", line)
		}
	}
	pictureOf(t, browser, dir, write(t, example(t)))
}

// browse runs the browser on a file and returns what it prints.
func browse(t *testing.T, browser, dir, flag, path string) (stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--window-size=390,800", flag, "file://"+path)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return out.String(), log.String()
}

// pictureOf takes a screenshot, which must show more than an empty page.
func pictureOf(t *testing.T, browser, dir, text string) {
	t.Helper()
	path, shot := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.png")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	browse(t, browser, dir, "--screenshot="+shot, path)
	f, err := os.Open(shot)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	colours := map[color.Color]bool{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			colours[img.At(x, y)] = true
		}
	}
	if len(colours) < 16 {
		t.Errorf("the screenshot has %d colours", len(colours))
	}
}

func TestCodewords(t *testing.T) {
	img := Codewords([]float32{0, 1, -1, 0, 0.25, 0, 0, 0}, 2, 2, 2, []int{1, 0})
	if got, want := img.Bounds().Size(), (image.Point{5, 2}); got != want {
		t.Fatalf("size %v, want %v", got, want)
	}
	for _, test := range []struct {
		x, y int
		want color.NRGBA
	}{
		{0, 0, diverging(0.25)}, {4, 0, diverging(1)}, {3, 1, diverging(-1)}, {2, 0, color.NRGBA{}},
	} {
		if got := img.At(test.x, test.y); got != color.Color(test.want) {
			t.Errorf("pixel %d %d is %v, want %v", test.x, test.y, got, test.want)
		}
	}
	for _, test := range []struct{ d, h, w, rows, columns int }{
		{9, 3, 3, 3, 3}, {18, 3, 3, 6, 3}, {4, 1, 1, 2, 2}, {8, 1, 1, 2, 4}, {7, 1, 1, 1, 7}, {4, 3, 3, 2, 2}, {1, 1, 1, 1, 1},
	} {
		if r, c := TileShape(test.d, test.h, test.w); r != test.rows || c != test.columns {
			t.Errorf("TileShape(%d, %d, %d) = %d, %d, want %d, %d", test.d, test.h, test.w, r, c, test.rows, test.columns)
		}
	}
}
