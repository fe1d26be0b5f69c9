package fit

import (
	"bytes"
	"context"
	"io"

	"lutra/internal/train"
)

// state is a copy of what a trainer writes, in the parts in which it came: to
// clear one large piece of memory first would take as long as the copy.
type state [][]byte

// stateOf copies the state of t. When ctx is done it returns its error.
func stateOf(ctx context.Context, t *train.Trainer) (state, error) {
	var s state
	err := t.WriteState(ctx, &s)
	return s, err
}

// Write appends a copy of b.
func (s *state) Write(b []byte) (int, error) {
	*s = append(*s, bytes.Clone(b))
	return len(b), nil
}

func (s state) size() int {
	n := 0
	for _, part := range s {
		n += len(part)
	}
	return n
}

// restore makes the state that of t; see Trainer.ReadState.
func (s state) restore(ctx context.Context, t *train.Trainer) error {
	var parts []io.Reader
	for _, part := range s {
		parts = append(parts, bytes.NewReader(part))
	}
	return t.ReadState(ctx, io.MultiReader(parts...), s.size())
}
