package emitc

import "encoding/json"

// Report says what a library takes. Bytes of RAM are for pointers of 4 bytes.
type Report struct {
	Name    string        `json:"name"`
	Flash   int           `json:"flash_bytes"` // of constants, code comes on top; of a WebAssembly module, all of it
	RAM     int           `json:"ram_bytes"`   // of the arena; of a WebAssembly module, its memory
	MACs    int           `json:"macs"`
	Lookups int           `json:"lookups"` // products that are looked up; a pair is one
	Layers  []LayerReport `json:"layers"`
}

// LayerReport is what a layer takes.
type LayerReport struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	MACs    int    `json:"macs,omitempty"`
	Lookups int    `json:"lookups,omitempty"`
	Flash   int    `json:"flash_bytes"` // of constants that no earlier layer uses
	RAM     int    `json:"ram_bytes"`   // of the result
}

func (g *generator) report() *Report {
	r := &Report{Name: g.prefix, Flash: g.bytes, Layers: g.rowsOf}
	r.RAM = (g.arena+7)&^7 + (g.sumBytes+7)&^7 + 4*g.rows
	for _, l := range g.rowsOf {
		r.MACs += l.MACs
		r.Lookups += l.Lookups
	}
	return r
}

// addReport adds NAME.json.
func (lib *Library) addReport() error {
	text, err := json.MarshalIndent(lib.Report, "", "  ")
	if err != nil {
		return err
	}
	lib.Files[lib.Name+".json"] = append(text, '\n')
	return nil
}
