package wasm

import "slices"

// Module is a module under construction. It has one memory, exported as
// "memory".
type Module struct {
	functions []*Function
	exports   []export
	constants []int
	data      []segment
	pages     int
	start     *Function
}

// Function is a function of i32 parameters without results.
type Function struct {
	index      uint32
	parameters int
	locals     int
	code       Code
}

type export struct {
	name  string
	kind  byte
	index uint32
}

type segment struct {
	at   int
	data []byte
}

const i32 = 0x7f

// Function adds a function.
func (m *Module) Function(parameters int) *Function {
	f := &Function{index: uint32(len(m.functions)), parameters: parameters}
	m.functions = append(m.functions, f)
	return f
}

// Parameter is parameter i.
func (f *Function) Parameter(i int) Local { return Local(i) }

// Local is a new variable, 0 in the beginning.
func (f *Function) Local() Local {
	f.locals++
	return Local(f.parameters + f.locals - 1)
}

// Append appends code to f.
func (f *Function) Append(code ...Code) { f.code = append(f.code, slices.Concat(code...)...) }

// ExportFunction exports f.
func (m *Module) ExportFunction(name string, f *Function) {
	m.exports = append(m.exports, export{name, 0, f.index})
}

// ExportConstant exports an immutable global.
func (m *Module) ExportConstant(name string, v int) {
	m.exports = append(m.exports, export{name, 3, uint32(len(m.constants))})
	m.constants = append(m.constants, v)
}

// Start makes f run once, before all others.
func (m *Module) Start(f *Function) { m.start = f }

// Data puts bytes into memory at an address.
func (m *Module) Data(at int, data []byte) { m.data = append(m.data, segment{at, data}) }

// Memory sets the size of the memory: at least that many bytes. It returns
// what that makes in pages of 64 KiB.
func (m *Module) Memory(bytes int) int {
	m.pages = (bytes + 0xffff) >> 16
	return m.pages << 16
}

// Bytes is the module in the binary format.
func (m *Module) Bytes() []byte {
	b := []byte("\x00asm\x01\x00\x00\x00")
	types := make([][]byte, len(m.functions))
	indices := make([][]byte, len(m.functions))
	bodies := make([][]byte, len(m.functions))
	for i, f := range m.functions {
		types[i] = append(unsigned([]byte{0x60}, uint32(f.parameters)), slices.Repeat([]byte{i32}, f.parameters)...)
		types[i] = append(types[i], 0)
		indices[i] = unsigned(nil, uint32(i))
		bodies[i] = f.body()
	}
	exports := [][]byte{unsigned(append(named("memory"), 2), 0)}
	for _, e := range m.exports {
		exports = append(exports, unsigned(append(named(e.name), e.kind), e.index))
	}
	var constants, data [][]byte
	for _, v := range m.constants {
		constants = append(constants, append(append([]byte{i32, 0}, Const(v)...), opEnd))
	}
	for _, s := range m.data {
		d := append(append([]byte{0}, Const(s.at)...), opEnd)
		data = append(data, append(unsigned(d, uint32(len(s.data))), s.data...))
	}
	b = section(b, 1, types)
	b = section(b, 3, indices)
	b = section(b, 5, [][]byte{unsigned([]byte{0}, uint32(m.pages))})
	b = section(b, 6, constants)
	b = section(b, 7, exports)
	if m.start != nil {
		b = append(unsigned(append(b, 8), uint32(len(unsigned(nil, m.start.index)))), unsigned(nil, m.start.index)...)
	}
	b = section(b, 10, bodies)
	return section(b, 11, data)
}

// body is the entry of f in the section of code.
func (f *Function) body() []byte {
	b := []byte{0}
	if f.locals > 0 {
		b = append(unsigned([]byte{1}, uint32(f.locals)), i32)
	}
	b = append(append(b, f.code...), opEnd)
	return append(unsigned(nil, uint32(len(b))), b...)
}

func named(s string) []byte { return append(unsigned(nil, uint32(len(s))), s...) }

// section appends a section: a vector of items.
func section(b []byte, id byte, items [][]byte) []byte {
	if len(items) == 0 {
		return b
	}
	body := append(unsigned(nil, uint32(len(items))), slices.Concat(items...)...)
	return append(unsigned(append(b, id), uint32(len(body))), body...)
}
