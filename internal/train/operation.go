package train

// operation is one node of the training graph.
type operation interface {
	ends() *links
	// forward computes the output from the inputs.
	forward(c *crew)
	// backward writes the gradients of the inputs that want one, or adds to
	// them, from the gradient of the output, which it may destroy.
	backward(c *crew)
	// keeps lists the values whose data backward reads.
	keeps() []*value
}

// links is what an operation reads and writes.
type links struct {
	label string // for messages
	in    []operand
	out   *value
}

func (l *links) ends() *links { return l }
