package graph

// sortNodes orders g.Nodes so that producers precede consumers. A graph that
// is already in order keeps it; a cycle is an error that names its nodes.
func (g *Graph) sortNodes() error {
	producer := make(map[string]*Node, len(g.Nodes))
	for _, n := range g.Nodes {
		for _, o := range n.Outputs {
			producer[o] = n
		}
	}
	s := sorter{producer: producer, state: make(map[*Node]visit, len(g.Nodes))}
	for _, n := range g.Nodes {
		if on := s.visit(n); on != nil {
			return g.errorf(on.Label(), "inputs", "no cycle", "its own result")
		}
	}
	g.Nodes = s.order
	return nil
}

type visit uint8

const (
	unseen visit = iota
	open
	done
)

type sorter struct {
	producer map[string]*Node
	state    map[*Node]visit
	order    []*Node
}

// visit appends n after all that it reads; it returns a node on a cycle, or nil.
func (s *sorter) visit(n *Node) *Node {
	switch s.state[n] {
	case open:
		return n
	case done:
		return nil
	}
	s.state[n] = open
	for _, in := range n.Inputs {
		if p := s.producer[in]; p != nil && in != "" {
			if on := s.visit(p); on != nil {
				return on
			}
		}
	}
	s.state[n] = done
	s.order = append(s.order, n)
	return nil
}
