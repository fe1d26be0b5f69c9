package data

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lutra/internal/safe"
)

// Options chooses among readings of a data set.
type Options struct {
	// Classes is a file with one class name a line, in class order; "wnid
	// name" lines as ImageNet's synset list are recognised. With such a list,
	// class folders may be named by wnid, and the images of a flat folder are
	// labelled by names of the form wnid_anything.
	Classes string
	// Split chooses the part of an archive, an IDX folder or a folder of spoken
	// digits that has several: "test" (also "") or "train". Of spoken digits the
	// last speaker by name is the test; "test:NAME" and "train:NAME" hold out another.
	Split string
}

// SplitNames lists the parts that a data set may have.
func SplitNames() []string { return []string{"test", "train"} }

const accepted = "a folder of images, of class folders or with a labels.csv, a labels .csv, an IDX file or folder, a CIFAR .tar.gz or cifar10_batch_N.png, or one image"

// Open recognises a data set by its names:
//
//	an image                         a set of one
//	*.csv                            table of files and labels (see readTable)
//	*.tar.gz, *.tgz                  archive of SPLIT/CLASS/*.jpg
//	*idx3-ubyte[.gz]                 MNIST images, labels in the idx1 file beside
//	cifar10_batch_N.png              1,000 images of 32x32, one a row, labels in *labels.txt beside
//	folder with *.csv                its table; files in the folder or in images/
//	folder with *idx3-ubyte[.gz]     the file of the split
//	folder with cifar10_batch_N.png  all of them in order
//	folder of folders                class folders, classes in order of their names
//	folder of DIGIT_SPEAKER_N.wav    the Free Spoken Digit Dataset, labelled by digit
//	folder of images                 unlabelled, or labelled by wnid (Options.Classes)
//
// A recording (.wav) may stand wherever an image may: it becomes the image of
// its spectrum (audio.Spectrum), one row a frame, one column a band, in grey.
func Open(path string, o Options) (*Set, error) {
	if o.Split == "" {
		o.Split = "test"
	}
	if part, _, _ := strings.Cut(o.Split, ":"); !slices.Contains(SplitNames(), part) {
		return nil, safe.Optionf("split %q: expected one of %s", o.Split, strings.Join(SplitNames(), ", "))
	}
	var classes *classList
	if o.Classes != "" {
		var err error
		if classes, err = readClasses(o.Classes); err != nil {
			return nil, err
		}
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var s *Set
	if st.IsDir() {
		s, err = openFolder(path, o.Split, classes)
	} else {
		s, err = openFile(path, o.Split)
	}
	if err != nil {
		return nil, err
	}
	if classes != nil {
		s.classes = classes.names
	}
	return s, s.check()
}

func openFile(path, split string) (*Set, error) {
	base := strings.ToLower(filepath.Base(path))
	switch {
	case isTable(base):
		return openTable(path)
	case isArchive(base):
		return openArchive(path, split)
	case isIDXImages(base):
		return openIDX(path)
	case isSheet(base):
		return openSheets(filepath.Dir(path), []string{filepath.Base(path)})
	case isImage(base):
		return openFiles(filepath.Dir(path), []string{filepath.Base(path)}, []int{Unlabelled}), nil
	}
	return nil, &safe.FormatError{File: path, Expected: accepted, Found: "an unknown kind of file"}
}

func openFolder(path, split string, classes *classList) (*Set, error) {
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return nil, err
	}
	var folders, images []string
	special := map[string][]string{}
	for _, e := range entries {
		name := e.Name()
		switch base := strings.ToLower(name); {
		case strings.HasPrefix(name, "."):
		case isFolder(path, e):
			folders = append(folders, name)
		case isTable(base):
			special["table"] = append(special["table"], name)
		case isIDXImages(base):
			special["idx"] = append(special["idx"], name)
		case isSheet(base):
			special["sheets"] = append(special["sheets"], name)
		case isImage(base):
			images = append(images, name)
		}
	}
	switch {
	case len(special["table"]) > 0:
		table, err := oneTable(path, special["table"])
		if err != nil {
			return nil, err
		}
		return openTable(filepath.Join(path, table))
	case len(special["idx"]) > 0:
		return openIDXFolder(path, special["idx"], split)
	case len(special["sheets"]) > 0:
		return openSheets(path, special["sheets"])
	case isSpokenDigits(images):
		return openSpokenDigits(path, images, split)
	case len(images) > 0:
		return openFlat(path, images, classes)
	case len(folders) > 0:
		return openClassFolders(path, folders, classes)
	}
	return nil, &safe.FormatError{File: path, Expected: accepted, Found: "a folder without any of these"}
}

// oneTable chooses labels.csv, or the only table of a folder.
func oneTable(path string, tables []string) (string, error) {
	if slices.Contains(tables, "labels.csv") {
		return "labels.csv", nil
	}
	if len(tables) > 1 {
		return "", &safe.FormatError{File: path, Expected: "labels.csv or one table", Found: strings.Join(tables, ", "), Hint: "name the table instead of the folder"}
	}
	return tables[0], nil
}

// isFolder follows links, so that class folders may be links.
func isFolder(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	st, err := os.Stat(filepath.Join(dir, e.Name()))
	return err == nil && st.IsDir()
}

func hasSuffix(name string, suffixes ...string) bool {
	return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// The predicates below take the lower-case name of a file without its folder.

func isImage(base string) bool   { return hasSuffix(base, ".png", ".jpg", ".jpeg", ".wav") }
func isTable(base string) bool   { return hasSuffix(base, ".csv") }
func isArchive(base string) bool { return hasSuffix(base, ".tar.gz", ".tgz") }

func isIDXImages(base string) bool {
	return hasSuffix(strings.TrimSuffix(base, ".gz"), "idx3-ubyte", "idx3.ubyte")
}

func isSheet(base string) bool {
	return strings.HasPrefix(base, "cifar10_batch_") && hasSuffix(base, ".png")
}
