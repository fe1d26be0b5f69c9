package graph

var resizeOps = []Operator{}
