package graph

var softmaxOps = []Operator{}
