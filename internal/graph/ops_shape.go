package graph

var shapeOps = []Operator{}
