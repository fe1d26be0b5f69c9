package graph

var poolOps = []Operator{}
