package graph

var quantOps = []Operator{}
