package tflite

import (
	"fmt"

	"lutra/internal/graph"
	"lutra/internal/tensor"
)

// window is the way of a filter or pool over height and width.
type window struct {
	same                     bool // padding
	kernel, stride, dilation [2]int
}

// maxSide bounds kernels, strides and dilations.
const maxSide = 1 << 16

// attributes are the window's in ONNX, for an input [batch, height, width, channels].
func (w window) attributes(in tensor.Shape) ([]graph.Attr, error) {
	pads := [4]int64{} // top, left, bottom, right
	for i := range 2 {
		for _, n := range []int{w.kernel[i], w.stride[i], w.dilation[i], in[1+i]} {
			if n < 1 || n > maxSide {
				return nil, fmt.Errorf("expected kernel, stride, dilation and input of 1 to %d, found %v, %v, %v and %v", maxSide, w.kernel, w.stride, w.dilation, in)
			}
		}
		if w.same {
			out := (in[1+i] + w.stride[i] - 1) / w.stride[i]
			total := max(0, (out-1)*w.stride[i]+(w.kernel[i]-1)*w.dilation[i]+1-in[1+i])
			pads[i], pads[2+i] = int64(total/2), int64(total-total/2)
		}
	}
	two := func(name string, v [2]int) graph.Attr { return graph.IntsAttr(name, int64(v[0]), int64(v[1])) }
	attrs := []graph.Attr{two("kernel_shape", w.kernel), two("strides", w.stride)}
	if pads != [4]int64{} {
		attrs = append(attrs, graph.IntsAttr("pads", pads[:]...))
	}
	if w.dilation != [2]int{1, 1} {
		attrs = append(attrs, two("dilations", w.dilation))
	}
	return attrs, nil
}

// window reads padding and strides, the first fields of all options of windows.
func (o *operator) window() (window, error) {
	w := window{dilation: [2]int{1, 1}, stride: [2]int{
		int(o.options.int32(2, 0, "stride_h")), int(o.options.int32(1, 0, "stride_w")),
	}}
	switch padding := o.options.int8(0, "padding"); padding {
	case 0:
		w.same = true
	case 1:
	default:
		return w, fmt.Errorf("padding: expected SAME (0) or VALID (1), found %d", padding)
	}
	return w, nil
}

// conv appends CONV_2D, whose weight is [outputs, height, width, inputs of a group].
func (im *importer) conv(o *operator) error {
	in, weight := im.tensors[o.inputs[0]].shape, im.tensors[o.inputs[1]].shape
	if len(in) != 4 || len(weight) != 4 || in[3]%weight[3] != 0 {
		return fmt.Errorf("expected an input and a weight of 4 dimensions with common channels, found %v and %v", in, weight)
	}
	name, err := im.weight(o.inputs[1], nil, toPlanar)
	if err != nil {
		return err
	}
	return im.filter(o, name, weight[0], in[3]/weight[3], o.options.int8(3, "activation"), 4)
}

// depthwise appends DEPTHWISE_CONV_2D, whose weight is [1, height, width, outputs].
func (im *importer) depthwise(o *operator) error {
	in, weight := im.tensors[o.inputs[0]].shape, im.tensors[o.inputs[1]].shape
	if len(in) != 4 || len(weight) != 4 || weight[0] != 1 || weight[3]%in[3] != 0 {
		return fmt.Errorf("expected an input of 4 dimensions and a weight [1, height, width, multiple of its channels], found %v and %v", in, weight)
	}
	name, err := im.weight(o.inputs[1], nil, []int{3, 0, 1, 2})
	if err != nil {
		return err
	}
	return im.filter(o, name, weight[3], in[3], o.options.int8(4, "activation"), 5)
}

// filter appends the convolution; dilation is the field of its width's dilation.
func (im *importer) filter(o *operator, weight string, outputs, groups int, act int8, dilation int) error {
	w, err := o.window()
	if err != nil {
		return err
	}
	shape := im.g.Consts[weight].Shape
	w.kernel = [2]int{shape[2], shape[3]}
	w.dilation = [2]int{int(o.options.int32(dilation+1, 1, "dilation_h")), int(o.options.int32(dilation, 1, "dilation_w"))}
	attrs, err := w.attributes(im.tensors[o.inputs[0]].shape)
	if err != nil {
		return err
	}
	if groups > 1 {
		attrs = append(attrs, graph.IntAttr("group", int64(groups)))
	}
	inputs, err := im.biased(o, []string{im.names[o.inputs[0]], weight}, outputs)
	if err != nil {
		return err
	}
	return im.fused(act, "Conv", inputs, im.names[o.outputs[0]], attrs...)
}

// pool appends a pool; an average does not count its padding.
func pool(op string) func(*importer, *operator) error {
	return func(im *importer, o *operator) error {
		in := im.tensors[o.inputs[0]].shape
		if len(in) != 4 {
			return fmt.Errorf("expected an input of 4 dimensions, found %v", in)
		}
		w, err := o.window()
		if err != nil {
			return err
		}
		w.kernel = [2]int{int(o.options.int32(4, 0, "filter_height")), int(o.options.int32(3, 0, "filter_width"))}
		attrs, err := w.attributes(in)
		if err != nil {
			return err
		}
		return im.fused(o.options.int8(5, "activation"), op, []string{im.names[o.inputs[0]]}, im.names[o.outputs[0]], attrs...)
	}
}
