package graph

import "lutra/internal/tensor"

// levelOps are the functions of domain lutra that quantise activations; see Quantiser.
var levelOps = []Operator{quantiserRow(tanhDFunc), quantiserRow(reluDFunc), quantiserRow(clipDFunc)}

func quantiserRow(name string) Operator {
	row := unary(name, 1, dtypesOf(tensor.Float32), evalQuantiser)
	row.Domain = CodebookDomain
	typed := row.Infer
	row.Infer = func(c *Call) ([]Type, error) {
		if _, err := c.Node.Quantiser(); err != nil {
			return nil, err
		}
		return typed(c)
	}
	return row
}

func evalQuantiser(c *Call, out []*tensor.Tensor) error {
	q, err := c.Node.Quantiser()
	if err != nil {
		return err
	}
	y := out[0].Float32s()
	for i, x := range c.Value[0].Float32s() {
		y[i] = q.value(q.index(x))
	}
	return nil
}
