package graph

var constantOps = []Operator{}
