package graph

var castOps = []Operator{}
