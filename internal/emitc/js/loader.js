// {{.Name}}: an integer network without multiplication, made by {{.Tool}}. For browsers and Node.
export const inputs = {{.InputsJSON}};
export const labels = {{.LabelsJSON}};
export async function load(url = "{{.Name}}.wasm") {
	const at = new URL(url, import.meta.url);
	const bytes = at.protocol === "file:" ? await (await import("node:fs/promises")).readFile(at) : await (await fetch(at)).arrayBuffer();
	const { exports: e } = (await WebAssembly.instantiate(bytes)).instance;
	return ({{range $i, $in := .Inputs}}{{if $i}}, {{end}}{{.Name}}{{end}}) => { // {{range $i, $in := .Inputs}}{{if $i}}, {{end}}{{.Count}} levels, 0 to {{.Top}}, [{{.H}}][{{.W}}][{{.C}}]{{end}}
{{- range .Inputs}}
		new Uint8Array(e.memory.buffer, e.{{.Name}}.value, {{.Count}}).set({{.Name}});
{{- end}}
		e.run();
		return {{if .Error}}{ error: new Uint32Array(e.memory.buffer, e.error.value, 1)[0], output: {{end}}{{if gt (len .Outputs) 1}}[{{end}}{{range $i, $out := .Outputs}}{{if $i}}, {{end}}new {{.Array}}(e.memory.buffer, e.{{.Name}}.value, {{.Count}}).slice(){{end}}{{if gt (len .Outputs) 1}}]{{end}}{{if .Error}} }{{end}};
	};
}
