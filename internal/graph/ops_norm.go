package graph

var normOps = []Operator{}
