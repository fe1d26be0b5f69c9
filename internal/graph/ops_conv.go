package graph

var convOps = []Operator{}
