// Package realdata finds the real models and images that tests read. They are
// not part of the project.
package realdata

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Path is a file or folder of the data folder, which is $LUTRA_DATA, or
// ../shared/data beside the project. The test is skipped if it does not exist,
// or fails if LUTRA_REQUIRE_DATA is 1.
func Path(t testing.TB, path string) string {
	t.Helper()
	dir := os.Getenv("LUTRA_DATA")
	if dir == "" {
		_, file, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(file), "..", "..", "..", "shared", "data")
	}
	path = filepath.Join(dir, filepath.FromSlash(path))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("LUTRA_REQUIRE_DATA") == "1" {
			t.Fatal(err)
		}
		t.Skipf("no real data: %v (set LUTRA_DATA)", err)
	}
	return path
}
