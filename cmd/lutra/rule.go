package main

import (
	"fmt"
	"strings"

	"lutra/internal/compress"
)

// parseRule reads "PATTERN=d:N,k:N,storage:S".
func parseRule(text string) (compress.Rule, error) {
	at := strings.LastIndex(text, "=")
	if at < 1 {
		return compress.Rule{}, usagef("--rule: expected PATTERN=d:N,k:N,storage:S, found %q", text)
	}
	r := compress.Rule{Pattern: text[:at]}
	for part := range strings.SplitSeq(text[at+1:], ",") {
		key, value, _ := strings.Cut(part, ":")
		var err error
		switch key {
		case "d":
			_, err = fmt.Sscan(value, &r.D)
		case "k":
			_, err = fmt.Sscan(value, &r.K)
		case "storage":
			r.Storage, err = compress.ParseStorage(value)
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return r, usagef("--rule: expected PATTERN=d:N,k:N,storage:S, found %q: %v", text, err)
		}
	}
	return r, nil
}
