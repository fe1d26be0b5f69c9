// Package train is the training engine: the static training graph of a
// graph.Graph at one batch size, with a hand-written gradient for every
// operator of classification networks, losses, optimisers and checkpoints.
//
// Values of rank 4 are stored with the channels last (NHWC), all others as
// ONNX has them. Memory is planned once: an activation lives until the last
// forward or backward step that reads it.
//
// Results do not depend on the number of threads: work is cut by shapes alone,
// every part of a sum has its own place, and parts are added in a fixed order.
package train
