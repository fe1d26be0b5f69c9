package graph

var reductionOps = []Operator{}
