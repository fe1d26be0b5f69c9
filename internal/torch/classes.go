package torch

import (
	"fmt"

	"lutra/internal/tensor"
)

// class is a row of the allow-list: a global that a pickle may name. A storage
// class has a dtype; the others have a function that builds the value from
// the arguments of REDUCE.
type class struct {
	name  string
	dtype tensor.DType
	call  func(*unpickler, Tuple) (Value, error)
}

// classes is the allow-list, by "module name".
var classes = index(
	class{name: "torch.FloatStorage", dtype: tensor.Float32},
	class{name: "torch.DoubleStorage", dtype: tensor.Float64},
	class{name: "torch.HalfStorage", dtype: tensor.Float16},
	class{name: "torch.BFloat16Storage", dtype: tensor.BFloat16},
	class{name: "torch.ByteStorage", dtype: tensor.Uint8},
	class{name: "torch.CharStorage", dtype: tensor.Int8},
	class{name: "torch.ShortStorage", dtype: tensor.Int16},
	class{name: "torch.IntStorage", dtype: tensor.Int32},
	class{name: "torch.LongStorage", dtype: tensor.Int64},
	class{name: "torch.BoolStorage", dtype: tensor.Bool},
	class{name: "torch._utils._rebuild_tensor", call: rebuildTensor},
	class{name: "torch._utils._rebuild_tensor_v2", call: rebuildTensor},
	class{name: "torch._utils._rebuild_parameter", call: rebuildParameter},
	class{name: "torch.Size", call: newSize},
	class{name: "collections.OrderedDict", call: newOrderedDict},
	class{name: "numpy.dtype", call: newNumpyType},
	class{name: "numpy.core.multiarray.scalar", call: newNumpyScalar},
	class{name: "numpy._core.multiarray.scalar", call: newNumpyScalar},
	class{name: "_codecs.encode", call: encodeLatin1},
)

func index(rows ...class) map[string]*class {
	m := make(map[string]*class, len(rows))
	for i := range rows {
		m[rows[i].name] = &rows[i]
	}
	return m
}

func (u *unpickler) global() error {
	module, err := u.line()
	if err != nil {
		return err
	}
	name, err := u.line()
	if err != nil {
		return err
	}
	return u.pushClass(module, name)
}

func (u *unpickler) stackGlobal() error {
	v, err := u.pop(2)
	if err != nil {
		return err
	}
	module, ok1 := v[0].(string)
	name, ok2 := v[1].(string)
	if !ok1 || !ok2 {
		return u.fail("two strings", typeName(v[0])+" and "+typeName(v[1]))
	}
	return u.pushClass(module, name)
}

func (u *unpickler) pushClass(module, name string) error {
	c, ok := classes[module+"."+name]
	if !ok {
		err := u.fail("a class of tensors and plain values", fmt.Sprintf("%.100q", module+"."+name))
		err.Hint = exportHint
		return err
	}
	return u.push(c, 0)
}

func (u *unpickler) reduce() error {
	v, err := u.pop(2)
	if err != nil {
		return err
	}
	c, ok := v[0].(*class)
	if !ok || c.call == nil {
		return u.fail("a class that takes arguments", typeName(v[0]))
	}
	args, ok := v[1].(Tuple)
	if !ok {
		return u.fail("a tuple of arguments", typeName(v[1]))
	}
	made, err := c.call(u, args)
	if err != nil {
		return err
	}
	return u.push(made, 0)
}

// badArgs is the error of a class that is given other arguments than it takes.
func (u *unpickler) badArgs(class, want string, args Tuple) error {
	found := "()"
	if len(args) > 0 {
		found = fmt.Sprintf("%d starting with %s", len(args), typeName(args[0]))
	}
	return u.fail(class+"("+want+")", found)
}

// rebuildTensor makes (storage, offset, size, stride, ...) a tensor. What
// follows the stride (requires_grad, hooks, metadata) does not matter here.
func rebuildTensor(u *unpickler, args Tuple) (Value, error) {
	const name, want = "_rebuild_tensor", "storage, offset, size, stride, ..."
	if len(args) < 4 || len(args) > 7 {
		return nil, u.badArgs(name, want, args)
	}
	s, ok1 := args[0].(*storage)
	offset, ok2 := args[1].(int64)
	size, ok3 := dims(args[2])
	stride, ok4 := dims(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 || len(size) != len(stride) {
		return nil, u.badArgs(name, want, args)
	}
	return u.heap.view(u, s, offset, size, stride)
}

// dims reads a tuple of at most tensor.MaxRank integers that fit an int.
func dims(v Value) ([]int, bool) {
	t, ok := v.(Tuple)
	if !ok || len(t) > tensor.MaxRank {
		return nil, false
	}
	out := make([]int, len(t))
	for i, x := range t {
		n, ok := x.(int64)
		if !ok || int64(int(n)) != n {
			return nil, false
		}
		out[i] = int(n)
	}
	return out, true
}

func rebuildParameter(u *unpickler, args Tuple) (Value, error) {
	if len(args) == 3 {
		if t, ok := args[0].(*tensor.Tensor); ok {
			return t, nil
		}
	}
	return nil, u.badArgs("_rebuild_parameter", "tensor, requires_grad, hooks", args)
}

func newSize(u *unpickler, args Tuple) (Value, error) {
	if len(args) == 1 {
		if t, ok := args[0].(Tuple); ok {
			return t, nil
		}
	}
	return nil, u.badArgs("torch.Size", "tuple", args)
}

// newOrderedDict is OrderedDict(), or OrderedDict([[key, value], ...]) as
// Python 2 wrote it.
func newOrderedDict(u *unpickler, args Tuple) (Value, error) {
	d := &Dict{}
	if err := u.spend(costDict); err != nil || len(args) == 0 {
		return d, err
	}
	pairs, ok := args[0].(*List)
	if !ok || len(args) > 1 {
		return nil, u.badArgs("OrderedDict", "", args)
	}
	for _, p := range pairs.Items {
		var kv []Value
		switch p := p.(type) {
		case *List:
			kv = p.Items
		case Tuple:
			kv = p
		}
		if len(kv) != 2 {
			return nil, u.fail("pairs of key and value", typeName(p))
		}
		if err := u.fill(d, kv); err != nil {
			return nil, err
		}
	}
	return d, nil
}
