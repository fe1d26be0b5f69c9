// Package lutra trains, compresses and runs networks stored as codebooks and
// lookup tables. Everything is done to a [Model].
//
// # Models and sessions
//
// [Open] reads an ONNX file, or a PyTorch or TensorFlow Lite file that it
// converts; [Options] say how the model is to run. Sessions of a Model may run at
// the same time, each [Session] in one goroutine. They are cheap: weights are
// shared, and codebooks are decoded on the fly, so that dense weights never
// exist. [Session.Predict] and [Session.Run] compute outputs and stop when their
// context ends.
//
//	m, err := lutra.Open("net.onnx", lutra.Options{})
//	s, err := m.NewSession()
//	y, err := s.Predict(ctx, lutra.NewTensor(pixels, 1, 3, 224, 224))
//
// # From a float network to a small file
//
// [OpenData] opens images, [Preprocess] says how they become inputs; a file may
// carry that, see [Model.Preprocess]. [Model.Compress] product-quantises the
// weights so that the outputs on the images are preserved (Stock et al., "And
// the Bit Goes Down", ICLR 2020). It leaves the model alone and returns another,
// as do [Model.Tune], which goes on training it towards the float network, and
// [Model.Train]. [Model.Calibrate] measures the ranges that modes int8 and auto
// need. [Model.Save] writes ordinary ONNX, complete or not at all.
//
//	set, err := lutra.OpenData("images", "", "")
//	p, err := lutra.Preset("imagenet")
//	o, err := lutra.CompressPreset("small")
//	small, report, err := m.Compress(ctx, set, p, o)
//	err = small.Save("small.onnx")
//
// [Model.Evaluate] scores, [Compare] tells two models apart, [Model.Inspect] says
// what a file stores and [Model.Plan] how it runs. [Model.Sensitivities] and
// [Model.CompressWithin] choose block sizes for a budget.
//
// # Lookup tables
//
// With [TrainTables], training yields a network of few activation levels and few
// weights (Baluja et al., 2018), which mode lut runs without multiplication and
// [Model.EmitC] writes as C99 or WebAssembly.
//
// # Errors
//
// What is wrong in a file is a [*FormatError]: file, place, what was expected,
// what was found. An option out of its range, or a name that is not known, is an
// [*OptionError]. Nothing that a file holds makes this package panic. Work that
// a context ends fails with the error of the context; what keeps a checkpoint
// (CompressOptions, TrainOptions) can go on from it.
//
// The same input gives the same files for any number of threads.
//
// # Where to read on
//
// A type that is written "type CompressOptions = compress.Options" has its fields
// and methods in a package below internal: go doc lutra/internal/compress.Options
// shows them. The examples of this package are short programs that run; docs/
// explains compression, training, lookup tables, C and the file format.
package lutra
