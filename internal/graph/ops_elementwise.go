package graph

var elementwiseOps = []Operator{}
