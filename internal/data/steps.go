package data

import (
	"fmt"
	"strings"
)

// Steps says in words what Apply does, a sentence a step.
func (p Preprocess) Steps() []string {
	var steps []string
	if p.Resize > 0 {
		steps = append(steps, fmt.Sprintf("The short side is resized to %d pixels (%s).", p.Resize, p.filter()))
	}
	if p.Crop > 0 {
		steps = append(steps, fmt.Sprintf("The middle %dx%d pixels are kept.", p.Crop, p.Crop))
	}
	switch p.Order {
	case "L":
		steps = append(steps, "One channel: the luma of ITU-R 601-2.")
	case "BGR":
		steps = append(steps, "Channels in the order blue, green, red.")
	default:
		steps = append(steps, "Channels in the order red, green, blue.")
	}
	value := "The values 0...255"
	if p.Scale != 0 && p.Scale != 1 {
		value += fmt.Sprintf(", times %.8g", p.Scale)
	}
	if len(p.Mean) > 0 {
		value += fmt.Sprintf(", minus %s", numbers(p.Mean))
	}
	if len(p.Std) > 0 {
		value += fmt.Sprintf(", divided by %s", numbers(p.Std))
	}
	steps = append(steps, value+".")
	if p.Layout == "NHWC" {
		return append(steps, "Pixel by pixel, channels innermost (NHWC).")
	}
	return append(steps, "Channel by channel (NCHW).")
}

// numbers lists the values of channels.
func numbers(v []float64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", ", "), "[]")
}
