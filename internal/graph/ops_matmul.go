package graph

var matmulOps = []Operator{}
