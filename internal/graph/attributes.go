package graph

import (
	"fmt"
	"slices"
)

// attrKinds is the kind that each attribute of the operators in the table has;
// ONNX uses a name for one kind only. Names not listed are not interpreted.
var attrKinds = map[string]AttrKind{
	"activation_alpha": AttrFloats, "activation_beta": AttrFloats, "activations": AttrStrings,
	"align_corners": AttrInt, "allowzero": AttrInt, "alpha": AttrFloat, "antialias": AttrInt,
	"approximate": AttrString, "auto_pad": AttrString, "axes": AttrInts, "axis": AttrInt,
	"batch_dims": AttrInt, "beta": AttrFloat, "bias": AttrFloat, "block_size": AttrInt,
	"blocksize": AttrInt, "broadcast": AttrInt, "ceil_mode": AttrInt,
	"coordinate_transformation_mode": AttrString, "count_include_pad": AttrInt,
	"cubic_coeff_a": AttrFloat, "detect_negative": AttrInt, "detect_positive": AttrInt,
	"dilations": AttrInts, "direction": AttrString, "dtype": AttrInt, "end": AttrInt,
	"ends": AttrInts, "epsilon": AttrFloat, "equation": AttrString, "exclude_outside": AttrInt,
	"exclusive": AttrInt, "extrapolation_value": AttrFloat, "fmod": AttrInt, "gamma": AttrFloat,
	"group": AttrInt, "high": AttrFloat, "ignore_index": AttrInt, "interleaved": AttrInt,
	"is_test": AttrInt, "k": AttrInt, "keep_aspect_ratio_policy": AttrString, "keepdims": AttrInt,
	"kernel_shape": AttrInts, "lambd": AttrFloat, "largest": AttrInt, "low": AttrFloat,
	"max": AttrFloat, "mean": AttrFloat, "min": AttrFloat, "mode": AttrString,
	"momentum": AttrFloat, "nearest_mode": AttrString, "new_axis": AttrInt,
	"noop_with_empty_axes": AttrInt, "num_groups": AttrInt, "num_outputs": AttrInt,
	"output_dtype": AttrInt, "output_padding": AttrInts, "output_shape": AttrInts, "p": AttrInt,
	"pads": AttrInts, "perm": AttrInts, "precision": AttrInt, "ratio": AttrFloat,
	"reduction": AttrString, "reverse": AttrInt, "round_mode": AttrString, "saturate": AttrInt,
	"seed": AttrFloat, "select_last_index": AttrInt, "shape": AttrInts, "shift": AttrFloat,
	"size": AttrInt, "sorted": AttrInt, "spatial": AttrInt, "split": AttrInts,
	"stash_type": AttrInt, "start": AttrInt, "starts": AttrInts, "storage_order": AttrInt,
	"strides": AttrInts, "tile": AttrInt, "tiles": AttrInt, "to": AttrInt, "training_mode": AttrInt,
	"transA": AttrInt, "transB": AttrInt, "upper": AttrInt, "value": AttrTensor,
	"value_float": AttrFloat, "value_floats": AttrFloats, "value_int": AttrInt,
	"value_ints": AttrInts, "value_string": AttrString, "value_strings": AttrStrings,
}

// attrExceptions are the operators that give a name another kind.
var attrExceptions = map[string]map[string]AttrKind{
	"Dropout":  {"seed": AttrInt},
	"Pad":      {"value": AttrFloat},   // before version 11
	"Upsample": {"scales": AttrFloats}, // before version 9

	codebookFunc:         {"shape": AttrTensor},
	codebookWideFunc:     {"shape": AttrTensor},
	codebookInt8Func:     {"shape": AttrTensor},
	codebookWideInt8Func: {"shape": AttrTensor},
}

var kindNames = map[AttrKind]string{
	AttrFloat: "float", AttrInt: "int", AttrString: "string", AttrTensor: "tensor", AttrGraph: "graph",
	AttrFloats: "floats", AttrInts: "ints", AttrStrings: "strings",
}

// String is the name of k in ONNX's words.
func (k AttrKind) String() string {
	if s, ok := kindNames[k]; ok {
		return s
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// checkAttrs checks the kinds of attributes; their ranges are for the shape rules.
func (g *Graph) checkAttrs() error {
	for _, n := range g.Nodes {
		if n.IsCodebook() { // checkCodebooks knows better
			continue
		}
		for i, a := range n.Attrs {
			if a.Ref != "" {
				return g.errorf(n.Label(), a.Name, "a value", fmt.Sprintf("a reference to %q outside of a function", a.Ref))
			}
			want, known := attrKinds[a.Name]
			if k, ok := attrExceptions[n.Op][a.Name]; ok {
				want, known = k, true
			}
			if known && a.Kind != want {
				return g.errorf(n.Label(), a.Name, want.String(), a.Kind.String())
			}
			if a.Kind == AttrTensor && a.Tensor == nil && known {
				return g.errorf(n.Label(), a.Name, "a tensor", "none")
			}
			if slices.ContainsFunc(n.Attrs[:i], func(b Attr) bool { return b.Name == a.Name }) {
				return g.errorf(n.Label(), a.Name, "one value", "several")
			}
		}
	}
	return nil
}
