package graph

var comparisonOps = []Operator{}
