package fit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"time"

	"lutra/internal/graph"
	"lutra/internal/levels"
	"lutra/internal/network"
	"lutra/internal/safe"
)

// magic begins a checkpoint. Then follow, each behind its length in 8 bytes,
// the fingerprint, the position as JSON, the state of the trainer and that of
// the best epoch; at the end the SHA-256 of all before.
const magic = "lutra fit 1\n"

// maxCheckpoint bounds what is read: three models with two moments each.
const maxCheckpoint = 8 << 30

// save writes the checkpoint, if there is to be one. The file is the old or the new one.
func (j *job) save() error {
	if j.o.Checkpoint == "" {
		return nil
	}
	now := time.Now()
	at := j.at
	if !j.begun.IsZero() {
		at.Seconds += now.Sub(j.begun).Seconds()
	}
	head, err := json.Marshal(at)
	if err != nil {
		return err
	}
	j.saved = now
	return safe.WriteFile(j.o.Checkpoint, func(w io.Writer) error {
		h := sha256.New()
		if err := j.write(io.MultiWriter(w, h), head); err != nil {
			return err
		}
		_, err := w.Write(h.Sum(nil))
		return err
	})
}

// write writes a checkpoint up to its hash.
func (j *job) write(w io.Writer, head []byte) error {
	b := []byte(magic)
	for _, part := range [][]byte{[]byte(j.identity), head} {
		b = append(binary.LittleEndian.AppendUint64(b, uint64(len(part))), part...)
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(b, uint64(j.trainer.StateBytes()))); err != nil {
		return err
	}
	if err := j.trainer.WriteState(context.Background(), w); err != nil {
		return err
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(j.best.size()))); err != nil {
		return err
	}
	for _, part := range j.best {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// kept says whether this training has left a checkpoint.
func (j *job) kept() bool {
	_, err := os.Stat(j.o.Checkpoint)
	return err == nil
}

// start takes over the checkpoint where there is one to go on from.
func (j *job) start(ctx context.Context) error {
	if j.o.Checkpoint == "" {
		return nil
	}
	b, err := safe.ReadFile(j.o.Checkpoint, maxCheckpoint)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !j.o.Resume:
		return j.save() // finds out that the file can be written before hours of work
	case errors.Is(err, fs.ErrNotExist):
		return &safe.FormatError{File: j.o.Checkpoint, Err: ErrNone, Hint: "a training keeps it until its model is written; begin one without resuming"}
	case err != nil:
		return err
	case !j.o.Resume:
		return &safe.FormatError{File: j.o.Checkpoint, Err: ErrExists, Hint: "resume it, or delete the file"}
	}
	return j.restore(ctx, b)
}

// startAnew is the hint of errors about damaged checkpoints.
const startAnew = "delete the file and begin without resuming"

func (j *job) restore(ctx context.Context, b []byte) error {
	fail := func(field, want, got string) error {
		return &safe.FormatError{File: j.o.Checkpoint, Field: field, Expected: want, Found: got, Hint: startAnew}
	}
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok {
		return &safe.FormatError{
			File: j.o.Checkpoint, Field: "magic", Expected: fmt.Sprintf("%q", magic), Found: fmt.Sprintf("%q", b[:min(len(b), len(magic))]),
			Hint: "name the file that an interrupted training has left",
		}
	}
	if len(rest) < sha256.Size {
		return fail("length", "a whole checkpoint", fmt.Sprintf("%d bytes", len(b)))
	}
	if sum := sha256.Sum256(b[:len(b)-sha256.Size]); !bytes.Equal(sum[:], b[len(b)-sha256.Size:]) {
		return fail("checksum", "that of the contents", "another")
	}
	rest = rest[:len(rest)-sha256.Size]
	var parts [4][]byte
	for i := range parts {
		if len(rest) < 8 || binary.LittleEndian.Uint64(rest) > uint64(len(rest)-8) {
			return fail("length", "a whole checkpoint", "less")
		}
		n := binary.LittleEndian.Uint64(rest)
		parts[i], rest = rest[8:8+n], rest[8+n:]
	}
	if string(parts[0]) != j.identity {
		return &safe.FormatError{File: j.o.Checkpoint, Expected: "the checkpoint of this network with these data and options", Found: "that of another", Hint: "repeat the command line that began it"}
	}
	if len(rest) > 0 {
		return fail("length", "the end behind four parts", fmt.Sprintf("%d more bytes", len(rest)))
	}
	if err := json.Unmarshal(parts[1], &j.at); err != nil {
		return safe.JSONError(j.o.Checkpoint, "position", err)
	}
	if len(parts[3]) > 0 {
		j.best = state{parts[3]}
		if err := j.best.restore(ctx, j.trainer); err != nil { // rather now than after the training
			return &safe.FormatError{File: j.o.Checkpoint, Field: "best", Err: err}
		}
	}
	if err := (state{parts[2]}).restore(ctx, j.trainer); err != nil {
		return &safe.FormatError{File: j.o.Checkpoint, Err: err}
	}
	if field, want, got := j.fault(); field != "" {
		return fail(field, want, got)
	}
	return nil
}

// fault finds what contradicts the training, or itself, in the position and
// the state of a checkpoint: the field, "" if there is nothing, what was expected and what was found.
func (j *job) fault() (field, want, got string) {
	at, per := &j.at, j.src.PerEpoch()
	epochs := len(at.History.Epochs)
	switch {
	case at.Epoch != epochs || at.Epoch > j.o.Epochs:
		return "epoch", fmt.Sprintf("%d, as many as its history has, of %d", epochs, j.o.Epochs), fmt.Sprint(at.Epoch)
	case at.Batch < 0 || at.Batch > per:
		return "batch", fmt.Sprintf("0 to %d", per), fmt.Sprint(at.Batch)
	case at.InPiece < 0:
		return "in_piece", "0 or more", fmt.Sprint(at.InPiece)
	case at.Pieces < -1:
		return "pieces", "-1 or more", fmt.Sprint(at.Pieces)
	case at.BestTest < 0 || at.BestTest > epochs:
		return "best", fmt.Sprintf("0 to %d", epochs), fmt.Sprint(at.BestTest)
	case at.BestTest > 0 && (j.best == nil || at.History.Epochs[at.BestTest-1].TestLoss == nil):
		return "best", "an epoch that was tested, and its state", "none"
	}
	steps := at.Epoch*per + at.Batch
	if j.trainer.Steps() != steps {
		return "steps", fmt.Sprint(steps), fmt.Sprint(j.trainer.Steps())
	}
	if r, c := at.Reassigned, at.Clustered; min(r, c) < 0 || max(r, c) > steps {
		return "reassigned, clustered", fmt.Sprintf("0 to %d", steps), fmt.Sprintf("%d, %d", r, c)
	}
	return at.History.fault(j.task == network.Classify)
}

// trained is the network as it is until the next step, with averaged weights
// where they are kept, and of few values where they are to be.
func (j *job) trained(ctx context.Context) (*graph.Graph, error) {
	if j.tables == nil {
		return j.trainer.Graph(), nil
	}
	return levels.Finish(ctx, j.trainer.Graph(), j.o.Tables.Weights)
}

// result is the network to hand out, with its provenance and without what the
// old weights were measured to need.
func (j *job) result(ctx context.Context) (*graph.Graph, error) {
	if j.best != nil {
		if err := j.best.restore(ctx, j.trainer); err != nil {
			return nil, err
		}
	}
	g, err := j.trained(ctx)
	if err != nil {
		return nil, err
	}
	meta := map[string]string{}
	for key, v := range g.Meta {
		if key == "lutra.preprocess" || key == "lutra.labels" {
			meta[key] = v
		}
	}
	var last EpochRecord
	switch h := &j.at.History; {
	case j.at.BestTest > 0:
		last = h.Epochs[j.at.BestTest-1]
	case j.o.Baseline:
		last = *h.before()
	default:
		last = h.Epochs[len(h.Epochs)-1]
	}
	note := maps.Clone(j.o.Noted())
	note["tool"], note["network"], note["epoch"] = j.o.Tool, j.graph.Name, last.Epoch
	if last.TestTop1 != nil {
		note["test_top1"] = *last.TestTop1
	} else if last.TestLoss != nil {
		note["test_loss"] = *last.TestLoss
	}
	text, err := json.Marshal(map[string]any{"train": note})
	if err != nil {
		return nil, err
	}
	meta["lutra.provenance"] = string(text)
	g.Meta = meta
	return g, nil
}
