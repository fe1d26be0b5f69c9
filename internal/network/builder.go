package network

import (
	"fmt"
	"math"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// builder appends layers to a graph and follows the shape of the value it is
// at. Every method that adds a layer takes and returns value names; a node is
// named as its output. The first error sticks.
type builder struct {
	g     *graph.Graph
	o     Options
	task  Task
	shape tensor.Shape // of the value made last, without the batch
	err   error
}

var outputNames = map[Task]string{Classify: "logits", Reconstruct: "reconstruction", Regress: "output"}

func newBuilder(n Network, o Options) *builder {
	return &builder{
		o: o, task: n.Task, shape: o.Input.Clone(),
		g: &graph.Graph{
			File: n.Name, Name: n.Name, IRVersion: 8, ProducerName: "lutra",
			Opsets: map[string]int64{"": 13},
			Consts: map[string]*tensor.Tensor{},
			Meta:   map[string]string{},
			Inputs: []graph.Value{{Name: "input", DType: tensor.Float32, Dims: dims(o.Input)}},
		},
	}
}

// dims are the dimensions of a batch of samples.
func dims(s tensor.Shape) []graph.Dim {
	d := []graph.Dim{{Size: -1, Param: "batch"}}
	for _, n := range s {
		d = append(d, graph.Dim{Size: n})
	}
	return d
}

// output declares the value y, the one made last, as the network's output.
func (b *builder) output(y string) {
	name := outputNames[b.task]
	b.g.Nodes[len(b.g.Nodes)-1].Outputs[0] = name
	b.g.Outputs = []graph.Value{{Name: name, DType: tensor.Float32, Dims: dims(b.shape)}}
}

func (b *builder) node(name, op string, inputs []string, attrs ...graph.Attr) string {
	b.g.Nodes = append(b.g.Nodes, &graph.Node{Name: name, Op: op, Inputs: inputs, Outputs: []string{name}, Attrs: attrs})
	return name
}

func (b *builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf(format, args...)
	}
}

// width is n channels or units inside the network, scaled by the option and
// rounded to a multiple of 4.
func (b *builder) width(n int) int {
	if b.o.Width == 1 {
		return n
	}
	w := max(4, 4*int(math.Round(float64(n)*b.o.Width/4)))
	if w > maxSide {
		b.fail("width %g: expected at most %d channels, found %d", b.o.Width, maxSide, w)
		return 4
	}
	return w
}

// conv is the geometry of a convolution. pads is begin and end of height, then of width.
type conv struct {
	out    int
	kernel [2]int
	stride int
	pads   [4]int
	groups int
	bias   bool
}

// square is a convolution of k x k that keeps the size at stride 1.
func square(out, k, stride int) conv {
	p := k / 2
	return conv{out: out, kernel: [2]int{k, k}, stride: stride, pads: [4]int{p, p, p, p}, groups: 1}
}

// same pads as TensorFlow does: to a size of in/stride rounded up, the odd row or column at the end.
func (c conv) same(in tensor.Shape) conv {
	for i := range 2 {
		out := (in[1+i] + c.stride - 1) / c.stride
		total := max(0, (out-1)*c.stride+c.kernel[i]-in[1+i])
		c.pads[2*i], c.pads[2*i+1] = total/2, total-total/2
	}
	return c
}

func (b *builder) conv(name, x string, c conv) string {
	in := b.shape
	var size [2]int
	for i := range 2 {
		room := in[1+i] + c.pads[2*i] + c.pads[2*i+1] - c.kernel[i]
		if room < 0 {
			b.fail("%s: input of %v is smaller than the filter of %dx%d", name, in, c.kernel[0], c.kernel[1])
		}
		size[i] = room/c.stride + 1
	}
	w := tensor.Shape{c.out, in[0] / c.groups, c.kernel[0], c.kernel[1]}
	inputs := []string{x, b.weight(name+".weight", w, b.hidden(w))}
	if c.bias {
		inputs = append(inputs, b.fill(name+".bias", 0, c.out))
	}
	attrs := []graph.Attr{graph.IntsAttr("kernel_shape", int64(c.kernel[0]), int64(c.kernel[1]))}
	if c.pads != [4]int{} {
		attrs = append(attrs, graph.IntsAttr("pads", int64(c.pads[0]), int64(c.pads[2]), int64(c.pads[1]), int64(c.pads[3])))
	}
	if c.stride > 1 {
		attrs = append(attrs, graph.IntsAttr("strides", int64(c.stride), int64(c.stride)))
	}
	if c.groups > 1 {
		attrs = append(attrs, graph.IntAttr("group", int64(c.groups)))
	}
	b.shape = tensor.Shape{c.out, size[0], size[1]}
	return b.node(name, "Conv", inputs, attrs...)
}

// norm is a batch normalisation; its epsilon is ONNX's and PyTorch's default, 1e-5.
func (b *builder) norm(name, x string) string {
	n := b.shape[0]
	return b.node(name, "BatchNormalization", []string{x,
		b.fill(name+".weight", 1, n), b.fill(name+".bias", 0, n),
		b.fill(name+".running_mean", 0, n), b.fill(name+".running_var", 1, n)})
}

// convNorm is a convolution, its normalisation and the activation.
func (b *builder) convNorm(layer, norm, act, x string, c conv) string {
	return b.activate(act, b.norm(norm, b.conv(layer, x, c)))
}

func (b *builder) maxPool(name, x string, kernel, stride, pad int) string {
	k, s, p := int64(kernel), int64(stride), int64(pad)
	attrs := []graph.Attr{graph.IntsAttr("kernel_shape", k, k), graph.IntsAttr("strides", s, s)}
	if pad > 0 {
		attrs = append(attrs, graph.IntsAttr("pads", p, p, p, p))
	}
	b.shape = b.shape.Clone()
	for i := 1; i < 3; i++ {
		room := b.shape[i] + 2*pad - kernel
		if room < 0 {
			b.fail("%s: input of %v is smaller than the window of %dx%d", name, b.shape, kernel, kernel)
		}
		b.shape[i] = room/stride + 1
	}
	return b.node(name, "MaxPool", []string{x}, attrs...)
}

// globalPool averages each channel and flattens.
func (b *builder) globalPool(x string) string {
	b.shape = tensor.Shape{b.shape[0], 1, 1}
	return b.flatten(b.node("avgpool", "GlobalAveragePool", []string{x}))
}

func (b *builder) flatten(x string) string {
	b.shape = tensor.Shape{b.shape.Elems()}
	return b.node("flatten", "Flatten", []string{x})
}

// linear is a fully connected layer of n outputs with bias, an activation to follow.
func (b *builder) linear(name, x string, n int) string {
	return b.dense(name, x, n, b.hidden(tensor.Shape{n, b.shape[0]}))
}

// head is the last fully connected layer: no activation follows.
func (b *builder) head(name, x string, n int) string {
	return b.dense(name, x, n, xavier(tensor.Shape{n, b.shape[0]}))
}

func (b *builder) dense(name, x string, n int, variance float64) string {
	w := b.weight(name+".weight", tensor.Shape{n, b.shape[0]}, variance)
	b.shape = tensor.Shape{n}
	return b.node(name, "Gemm", []string{x, w, b.fill(name+".bias", 0, n)}, graph.IntAttr("transB", 1))
}

// ints makes a constant of v.
func (b *builder) ints(name string, v ...int64) string {
	b.g.Consts[name] = tensor.Of(v, len(v))
	return name
}

// reshape gives each sample the shape s.
func (b *builder) reshape(name, x string, s tensor.Shape) string {
	to := []int64{-1}
	for _, d := range s {
		to = append(to, int64(d))
	}
	b.shape = s.Clone()
	return b.node(name, "Reshape", []string{x, b.ints(name+".shape", to...)})
}
