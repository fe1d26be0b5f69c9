package lutra

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"lutra/internal/compress"
	"lutra/internal/data"
	"lutra/internal/engine"
	"lutra/internal/onnx"
	"lutra/internal/onnx/onnxpb"
	"lutra/internal/torch"
)

// fileReader makes files of one kind of their descriptions, and uses them as the commands do.
type fileReader struct {
	compile func(text string) ([]byte, error)
	use     func(path string, b []byte) error
}

// readers are the kinds of files in the corpus of malformed ones.
var readers = map[string]func(*testing.T) fileReader{
	"model":    described(&onnxpb.ModelProto{}, useBytes),             // ONNX, as text
	"lut":      described(&onnxpb.ModelProto{}, useIntegers),          // the same, as an integer network
	"auto":     described(&onnxpb.ModelProto{}, useAuto),              // the same, in mode auto
	"beside":   described(&onnxpb.ModelProto{}, onFile(useModelFile)), // the same, with external data
	"tensor":   described(&onnxpb.TensorProto{}, useTensor),           // a TensorProto file, as text
	"wire":     assembled(useBytes),                                   // ONNX, as bytes
	"open":     assembled(onFile(useModelFile)),                       // models by their extension
	"object":   assembled(useObject),                                  // of PyTorch
	"data":     assembled(onFile(useData)),                            // data sets by their names
	"labels":   assembled(onFile(useLabels)),                          // of the images beside
	"image":    assembled(useImage),
	"vectors":  assembled(onFile(useVectors)),
	"classes":  assembled(onFile(useClasses)),
	"settings": assembled(usePreprocess),
	"costs":    assembled(useCosts),
	"layer":    compressCheckpoint,
	"training": trainCheckpoint,
}

func described(m proto.Message, use func(string, []byte) error) func(*testing.T) fileReader {
	return func(*testing.T) fileReader {
		return fileReader{func(text string) ([]byte, error) {
			m := m.ProtoReflect().New().Interface()
			if err := prototext.Unmarshal([]byte(text), m); err != nil {
				return nil, err
			}
			return proto.MarshalOptions{Deterministic: true}.Marshal(m)
		}, use}
	}
}

func assembled(use func(string, []byte) error) func(*testing.T) fileReader {
	return func(*testing.T) fileReader { return fileReader{assemble, use} }
}

// onFile writes the bytes that use reads.
func onFile(use func(path string) error) func(string, []byte) error {
	return func(path string, b []byte) error {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return nil
		}
		return use(path)
	}
}

func useBytes(path string, b []byte) error { return useModel(Decode(path, b, Options{Threads: 1})) }

func useModelFile(path string) error { return useModel(Open(path, Options{Threads: 1})) }

func useIntegers(path string, b []byte) error {
	return useModel(Decode(path, b, Options{Threads: 1, Mode: "lut"}))
}

func useAuto(path string, b []byte) error {
	return useModel(Decode(path, b, Options{Threads: 1, Mode: "auto"}))
}

func useTensor(path string, b []byte) error {
	_, _, err := onnx.DecodeTensor(path, b)
	return err
}

func useObject(path string, b []byte) error {
	_, err := torch.Decode(path, b)
	return err
}

func useImage(path string, b []byte) error {
	_, err := data.DecodeImage(path, b)
	return err
}

func useLabels(path string) error {
	return useData(strings.Replace(strings.Replace(path, "labels", "images", 1), "idx1", "idx3", 1))
}

func useVectors(path string) error {
	_, err := OpenVectors(path)
	return err
}

func useClasses(path string) error {
	_, err := ReadLabels(path)
	return err
}

func usePreprocess(path string, b []byte) error {
	_, err := data.ParsePreprocess(path, b)
	return err
}

func useCosts(path string, b []byte) error {
	_, err := engine.ParseCosts(path, b)
	return err
}

// compressCheckpoint reads files as the one of a layer that an interrupted
// compression has finished; FINGERPRINT, CODES and WORDS stand for those of a sound one.
func compressCheckpoint(t *testing.T) fileReader {
	run := func(ctx context.Context, dir string) error {
		o, err := CompressPreset("small")
		if err != nil {
			return err
		}
		o.First, o.Checkpoint, o.Threads = compress.Quantised, dir, 1
		for i := range o.Specs {
			o.Specs[i].K = 4
		}
		_, _, err = tinyNet(t).Compress(ctx, mustSet(t, 4), Preprocess{}, o)
		return err
	}
	dir := t.TempDir()
	if err := run(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(filepath.Join(dir, "layer-0000.json"))
	if err != nil {
		t.Fatal(err)
	}
	return fileReader{
		func(text string) ([]byte, error) {
			for _, field := range []string{"fingerprint", "codes", "words"} {
				value := regexp.MustCompile(`"` + field + `":"([^"]*)"`).FindSubmatch(sound)[1]
				text = regexp.MustCompile(`\$`+field+`\b`).ReplaceAllLiteralString(text, "`"+string(value)+"`")
			}
			return assemble(text)
		},
		onFile(func(path string) error { return run(context.Background(), filepath.Dir(path)) }),
	}
}

// trainCheckpoint reads files as what an interrupted training has left.
// $identity and $state stand for those of a sound one.
func trainCheckpoint(t *testing.T) fileReader {
	run := func(path string, resume bool) error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		o := TrainOptions{TrainRecipe: FineTuning(), Checkpoint: path, Resume: resume, KeepBest: true}
		o.Epochs, o.Batch = 2, 2
		if !resume {
			o.Progress = func(TrainProgress) { cancel() }
		}
		m := tinyNet(t)
		set := mustSet(t, 4)
		_, _, err := m.Train(ctx, set, set, Preprocess{Crop: 6}, o)
		return err
	}
	path := filepath.Join(t.TempDir(), "sound")
	if err := run(path, false); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := len("lutra fit 1\n")
	var parts [3]string
	for i := range parts {
		n := int(binary.LittleEndian.Uint64(sound[at:]))
		parts[i] = hexTokens(sound[at+8:][:n])
		at += 8 + n
	}
	return fileReader{
		func(text string) ([]byte, error) {
			return assemble("let identity { " + parts[0] + "} let state { " + parts[2] + "}\n" + text)
		},
		onFile(func(path string) error { return run(path, true) }),
	}
}

func hexTokens(b []byte) string {
	return regexp.MustCompile("..").ReplaceAllString(hex.EncodeToString(b), "$0 ")
}
