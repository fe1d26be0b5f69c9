package graph

import (
	"fmt"

	"lutra/internal/tensor"
)

var spaceOps = []Operator{
	{Name: "DepthToSpace", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferDepthToSpace, Eval: evalDepthToSpace},
	{Name: "SpaceToDepth", Since: 1, In: Arity{1, 1}, Out: Arity{1, 1},
		Infer: inferSpaceToDepth, Eval: evalSpaceToDepth},
}

// blockSize checks the element type, the rank and the attribute blocksize.
func (c *Call) blockSize() (int, error) {
	if err := c.want(0, storedTypes); err != nil {
		return 0, err
	}
	if s := c.In[0].Shape; len(s) != 4 {
		return 0, c.Errorf(c.inputName(0), "rank 4", ranked(s))
	}
	b := c.Node.Int("blocksize", 0)
	if b < 1 || b > 1<<15 {
		return 0, c.Errorf("blocksize", "1 to 32768", fmt.Sprint(b))
	}
	return int(b), nil
}

func inferDepthToSpace(c *Call) ([]Type, error) {
	b, err := c.blockSize()
	if err != nil {
		return nil, err
	}
	if mode := c.Node.String("mode", "DCR"); mode != "DCR" && mode != "CRD" {
		return nil, c.Errorf("mode", "DCR or CRD", mode)
	}
	s := c.In[0].Shape
	if s[1]%(b*b) != 0 {
		return nil, c.Errorf(c.inputName(0), fmt.Sprintf("a multiple of %d channels", b*b), fmt.Sprint(s[1]))
	}
	return c.typed(c.In[0].DType, s[0], s[1]/(b*b), s[2]*b, s[3]*b)
}

func inferSpaceToDepth(c *Call) ([]Type, error) {
	b, err := c.blockSize()
	if err != nil {
		return nil, err
	}
	s := c.In[0].Shape
	if s[2]%b != 0 || s[3]%b != 0 {
		return nil, c.Errorf(c.inputName(0), fmt.Sprintf("height and width divisible by %d", b), s.String())
	}
	return c.typed(c.In[0].DType, s[0], s[1]*b*b, s[2]/b, s[3]/b)
}

// evalDepthToSpace moves channel (i, j, c) in DCR order, (c, i, j) in CRD
// order, to pixel (i, j) of the block.
func evalDepthToSpace(c *Call, out []*tensor.Tensor) error {
	b := int(c.Node.Int("blocksize", 1))
	deep, wide := c.In[0].Shape, out[0].Shape
	crd := c.Node.String("mode", "DCR") == "CRD"
	moveBlocks(deep, wide, b, crd, func(d, w int) { copyElement(out[0], w, c.Value[0], d) })
	return nil
}

func evalSpaceToDepth(c *Call, out []*tensor.Tensor) error {
	b := int(c.Node.Int("blocksize", 1))
	moveBlocks(out[0].Shape, c.In[0].Shape, b, false, func(d, w int) { copyElement(out[0], d, c.Value[0], w) })
	return nil
}

// moveBlocks pairs the elements of [N, C*b*b, H, W] with those of [N, C, H*b, W*b].
func moveBlocks(deep, wide tensor.Shape, b int, crd bool, pair func(deep, wide int)) {
	channels := wide[1]
	for i := range deep.Elems() {
		x, y, k, n := i%deep[3], i/deep[3]%deep[2], i/deep[3]/deep[2]%deep[1], i/deep[3]/deep[2]/deep[1]
		ch, block := k%channels, k/channels
		if crd {
			ch, block = k/(b*b), k%(b*b)
		}
		pair(i, ((n*channels+ch)*wide[2]+y*b+block/b)*wide[3]+x*b+block%b)
	}
}

func copyElement(dst *tensor.Tensor, i int, src *tensor.Tensor, j int) {
	size := src.DType.Size()
	copy(dst.Bytes()[i*size:][:size], src.Bytes()[j*size:][:size])
}
