package torch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"strings"

	"lutra/internal/graph"
	"lutra/internal/safe"
)

// ImportOptions says how to read a network out of a PyTorch file.
type ImportOptions struct {
	// Arch names the architecture, one of Architectures; "" infers it from
	// the names and shapes of the tensors.
	Arch string
}

// Keys of graph.Graph.Meta that Import writes, with JSON values.
const (
	metaPreprocess = "lutra.preprocess"
	metaProvenance = "lutra.provenance"
)

// Preprocessing of torchvision's and of the CIFAR ResNets: RGB / 255, minus
// mean, over std (https://pytorch.org/vision/stable/models.html).
const (
	imagenetPreprocess = `{"resize":256,"crop":224,"interpolation":"bilinear","scale":0.00392156862745098,` +
		`"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"order":"RGB","layout":"NCHW"}`
	cifarPreprocess = `{"resize":32,"crop":32,"interpolation":"bilinear","scale":0.00392156862745098,` +
		`"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"order":"RGB","layout":"NCHW"}`
)

// provenance is the value of metaProvenance.
type provenance struct {
	Source string `json:"source"` // "state dict", "kill-the-bits" or "PQF"
	Arch   string `json:"arch"`
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

// Import reads a network from a PyTorch file: the compressed files of
// kill-the-bits (Stock et al., ICLR 2020) and PQF (Martinez et al., CVPR
// 2021), and state dicts of torchvision's ResNets and of the CIFAR ResNets
// (He et al., 2015, section 4.2), bare or as the entry "state_dict",
// "model_state_dict" or "model" of a checkpoint, with or without the prefix "module." of nn.DataParallel.
//
// The graph has opset 13, the input "input" [batch, 3, H, W] and the output
// "logits" [batch, classes]; weights keep their PyTorch names. Codes and
// codebooks become graph.Codebook. Beside codebooks, float32 weights of other
// layers are stored as int16 with a scale for each output. Batch normalisations without running statistics have mean 0 and
// variance 1: they were folded by the file's writer.
//
// Errors are *safe.FormatError; a tensor that the architecture does not use is one.
func Import(path string, o ImportOptions) (*graph.Graph, error) {
	b, err := safe.ReadFile(path, safe.MaxModelBytes)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	obj, err := Decode(path, b)
	if err != nil {
		return nil, err
	}
	g, p, err := build(path, obj.Root, o)
	if err != nil {
		return nil, err
	}
	p.File, p.SHA256 = filepath.Base(path), hex.EncodeToString(sum[:])
	doc, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	g.Meta[metaProvenance] = string(doc)
	return g, nil
}

// build makes the graph of the network that root holds.
func build(file string, root Value, o ImportOptions) (*graph.Graph, *provenance, error) {
	p, err := collect(file, root)
	if err != nil {
		return nil, nil, err
	}
	r, err := p.architecture()
	if err != nil {
		return nil, nil, err
	}
	if o.Arch != "" && o.Arch != r.name {
		want, ok := architectures[o.Arch]
		if !ok {
			return nil, nil, safe.Optionf("architecture %q: expected one of %s", o.Arch, strings.Join(Architectures(), ", "))
		}
		return nil, nil, p.fail("architecture", "", want.String(), r.String())
	}
	g, err := r.graph(p)
	if err != nil {
		return nil, nil, err
	}
	return g, &provenance{Source: p.source, Arch: r.name}, nil
}
