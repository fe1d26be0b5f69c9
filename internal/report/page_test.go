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
	picture, err := Picture(img, 8, `a "picture" <u>`)
	if err != nil {
		t.Fatal(err)
	}
	photo, err := Photo(img, `a "photo" <u>`)
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
			{Title: "Images", Cards: []Card{{Image: picture, Head: "<i>" + long, Lines: []string{"<i>", long}, Note: long}, {Image: photo, Marked: true}}},
			{Title: "Codebooks", Large: true, Cards: []Card{{Image: picture}}},
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
	for _, bad := range []string{"<script", "<i>", "<u>", "ZgotmplZ"} {
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
	dom := browse(t, browser, dir, "--dump-dom", path)
	if !strings.Contains(dom, `<p id="width">390</p>`) {
		t.Errorf("at a width of 390 pixels the page measures %q", regexp.MustCompile(`<p id="width">.*</p>`).FindString(dom))
	}
	page := filepath.Join(dir, "page.html")
	if err := os.WriteFile(page, []byte(write(t, example(t))), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{390, 1200} {
		light, dark := pictureOf(t, browser, dir, page, "light", width), pictureOf(t, browser, dir, page, "dark", width)
		if light < 0xe0 || dark > 0x30 {
			t.Errorf("at %d pixels the pages are of brightness %d in light and %d in dark", width, light, dark)
		}
	}
}

// browse runs the browser on a file, demands that nothing is on its console, and
// returns what it prints.
func browse(t *testing.T, browser, dir string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	last := len(args) - 1
	cmd := exec.CommandContext(ctx, browser, append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
		"--user-data-dir=" + filepath.Join(dir, "profile")}, append(args[:last:last], "file://"+args[last])...)...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("console: %s", line)
		}
	}
	return out.String()
}

// pictureOf takes a screenshot in a theme, which must show more than an empty
// page, and returns the brightness of its ground: that of the corner.
func pictureOf(t *testing.T, browser, dir, page, theme string, width int) uint8 {
	t.Helper()
	shot := filepath.Join(dir, fmt.Sprintf("%s-%d.png", theme, width))
	browse(t, browser, dir, fmt.Sprintf("--blink-settings=preferredColorScheme=%d", map[string]int{"dark": 0, "light": 1}[theme]),
		fmt.Sprintf("--window-size=%d,800", width), "--screenshot="+shot, page)
	f, err := os.Open(shot)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[color.Color]bool{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			seen[img.At(x, y)] = true
		}
	}
	if len(seen) < 16 {
		t.Errorf("the screenshot in %s has %d colours", theme, len(seen))
	}
	return color.GrayModel.Convert(img.At(0, 0)).(color.Gray).Y
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
	if red, blue := diverging(1), diverging(-1); red.R <= red.B || blue.B <= blue.R || red.A != 255 || diverging(7) != red {
		t.Errorf("the ends are %v and %v", red, blue)
	}
	if zero := diverging(0); zero.R != zero.B || zero.A > 64 {
		t.Errorf("zero is %v", zero)
	}
}

// TestFullColour: a few large numbers do not hide the others.
func TestFullColour(t *testing.T) {
	words := make([]float32, 100)
	for i := range words {
		words[i] = float32(i%10) - 5
	}
	words[7] = -1000
	if got := fullColour(words); got != 5 {
		t.Errorf("full colour at %v, want 5", got)
	}
	if got := fullColour(nil); got <= 0 {
		t.Errorf("of nothing at %v", got)
	}
}

func TestTileShape(t *testing.T) {
	for _, test := range []struct{ d, h, w, rows, columns int }{
		{9, 3, 3, 3, 3}, {18, 3, 3, 6, 3}, {4, 1, 1, 2, 2}, {8, 1, 1, 2, 4}, {7, 1, 1, 1, 7}, {4, 3, 3, 2, 2}, {1, 1, 1, 1, 1},
	} {
		if r, c := TileShape(test.d, test.h, test.w); r != test.rows || c != test.columns {
			t.Errorf("TileShape(%d, %d, %d) = %d, %d, want %d, %d", test.d, test.h, test.w, r, c, test.rows, test.columns)
		}
	}
}
