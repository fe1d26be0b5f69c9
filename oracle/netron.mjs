// Opens files of lutra with Netron's own parser, and demands that it shows what
// `lutra inspect FILE --netron` says.
//
//     oracle/fetch.sh && node oracle/netron.mjs small.onnx ...
//
// --json prints what Netron read, values included, for a test that knows what is in
// the file. --picture OUT.png also has Netron's page draw it in a browser.
//
// The parser is the Netron of 2021 in the npm package @visualdl/netron 2.2.0, of
// VisualDL: Netron itself is in no registry of npm. Its modules run as they do on
// its page, on top of the page's bundles, in a context of their own.
//
// That Netron skips the functions of a model: their bodies and the names of their
// inputs are not looked at here. It shows the initializers of an operator that it
// does not know only where the graph declares them as value_info, which lutra
// leaves out (today's Netron shows them all); here they are declared after reading.
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import vm from "node:vm";

import { draw } from "./netronpage.mjs";

const dist = fileURLToPath(new URL("node_modules/@visualdl/netron/dist", import.meta.url));

function demand(holds, otherwise) {
  if (!holds) {
    throw new Error(otherwise);
  }
}

// Netron is its page without a window, and what its formats ask of the page:
// require, request and exception.
class Netron {
  constructor() {
    this.page = vm.createContext({ TextDecoder });
    vm.runInContext("var window = globalThis, self = globalThis", this.page);
    const files = fs.readdirSync(dist);
    for (const bundle of [/^vendors\..*\.js$/, /^shim\..*\.js$/]) {
      this.run(files.find((name) => bundle.test(name)));
    }
    this.run("onnx-proto.js");
    this.proto = this.page.protobuf.get("onnx").onnx;
    const { ModelFactory } = this.run("onnx.js");
    this.factory = new ModelFactory();
  }

  // run evaluates a script of the page and returns what it exports.
  run(name) {
    this.page.module = { exports: {} };
    vm.runInContext(fs.readFileSync(path.join(dist, name), "utf8"), this.page, { filename: name });
    return this.page.module.exports;
  }

  async require(name) {
    demand(name === "./onnx-proto", `Netron asks for ${name}`);
  }

  async request(_, name) {
    return fs.readFileSync(path.join(dist, name), "utf8");
  }

  exception(error) {
    throw error;
  }

  async open(file) {
    const context = { identifier: path.basename(file), buffer: new Uint8Array(fs.readFileSync(file)) };
    demand(this.factory.match(context), "Netron does not take it for ONNX");
    const { ModelProto } = this.proto;
    const decode = ModelProto.decode;
    ModelProto.decode = (...args) => declareInitializers(decode.apply(ModelProto, args));
    try {
      return await this.factory.open(context, this);
    } finally {
      ModelProto.decode = decode;
    }
  }
}

function declareInitializers(model) {
  const { initializer, value_info, input, output } = model.graph;
  const declared = new Set([...value_info, ...input, ...output].map((value) => value.name));
  value_info.push(...initializer.filter(({ name }) => !declared.has(name)).map(({ name }) => ({ name })));
  return model;
}

// seen is what Netron shows of a file.
function seen(model) {
  const [graph] = model.graphs;
  const names = (parameters) => parameters.flatMap((parameter) => parameter.arguments.map((argument) => argument.name));
  const initializers = new Map();
  const nodes = graph.nodes.map((node) => {
    for (const { name, type, initializer } of node.inputs.flatMap((parameter) => parameter.arguments)) {
      if (initializer && !initializers.has(name)) {
        initializers.set(name, { type: String(type), ...contents(initializer) });
      }
    }
    return { type: node.type, domain: node.domain, inputs: names(node.inputs), outputs: names(node.outputs) };
  });
  return {
    format: model.format,
    imports: model.imports,
    properties: Object.fromEntries(model.metadata.map(({ name, value }) => [name, value])),
    inputs: names(graph.inputs),
    outputs: names(graph.outputs),
    nodes,
    initializers: Object.fromEntries(initializers),
  };
}

// contents of a tensor: its values, or the state in which Netron says why it has none.
function contents(tensor) {
  if (tensor.state) {
    return { state: tensor.state };
  }
  const shape = tensor.type.shape.dimensions.map(Number);
  const values = [];
  const gather = (value) => (Array.isArray(value) ? value.forEach(gather) : values.push(Number(value)));
  try {
    gather(tensor.value);
  } catch (error) {
    throw new Error(`${tensor.name}: ${error.message}`);
  }
  const count = shape.reduce((product, size) => product * size, 1);
  demand(values.length === count && !values.some(Number.isNaN), `${tensor.name}: ${values.length} values of a shape ${shape}`);
  return { shape, values };
}

// check demands of what is seen that it is drawn as inspect --netron says.
function check({ format, imports, nodes, inputs, outputs, initializers }) {
  demand(/^ONNX v\d+$/.test(format), `format ${format}`);
  const there = new Set([...inputs, ...Object.keys(initializers), ...nodes.flatMap((node) => node.outputs)]);
  const read = new Set([...outputs, ...nodes.flatMap((node) => node.inputs)]);
  for (const node of nodes) {
    const at = `node ${node.type} of ${node.outputs[0]}`;
    demand(node.type, `${at}: no type`);
    demand((imports ?? "").split(", ").some((each) => each.startsWith(`${node.domain || "ai.onnx"} v`)), `${at}: ${node.domain} is not among the imports ${imports}`);
    for (const name of node.inputs) {
      demand(name === "" || there.has(name), `${at}: no line leads to its input ${name}`);
    }
    if (node.domain === "lutra" && node.type.startsWith("Codebook")) {
      checkCodebook(at, node, initializers);
      demand(read.has(node.outputs[0]), `${at}: feeds no node`);
    }
  }
}

// checkCodebook demands that codes, upper bits and codewords are there with type,
// shape and values, and that every code names a codeword.
function checkCodebook(at, node, initializers) {
  const wide = node.type.includes("Wide");
  demand(node.inputs.length === (wide ? 3 : 2), `${at}: ${node.inputs.length} inputs`);
  const [codes, ...rest] = node.inputs.map((name) => {
    demand(initializers[name], `${at}: ${name} is no initializer`);
    demand(initializers[name].values, `${at}: ${name}: ${initializers[name].state}`);
    return initializers[name];
  });
  const codebook = rest.at(-1);
  demand(/^(uint8|uint16)\[/.test(codes.type), `${at}: codes of ${codes.type}`);
  demand(/^(float32|float16|int8)\[/.test(codebook.type), `${at}: codewords of ${codebook.type}`);
  demand(codes.shape.length === 2 && codebook.shape.length === 2, `${at}: codes of ${codes.type}, codewords of ${codebook.type}`);
  const planes = wide ? rest[0].shape[0] : 0;
  const count = codes.values.length;
  for (let i = 0; i < count; i++) {
    let code = codes.values[i];
    for (let plane = 0; plane < planes; plane++) {
      code += ((rest[0].values[plane * (count / 8) + (i >> 3)] >> (7 - (i & 7))) & 1) << (8 + plane);
    }
    demand(code < codebook.shape[0], `${at}: code ${code} of ${codebook.shape[0]} codewords`);
  }
}

function summary({ format, imports, nodes, initializers, properties }) {
  const calls = nodes.filter((node) => node.domain === "lutra").map((node) => node.type);
  const counts = [...new Set(calls)].sort().map((type) => `${calls.filter((each) => each === type).length} ${type}`);
  const tensors = Object.values(initializers);
  const without = tensors.filter((tensor) => tensor.state);
  return `${format}, ${imports}; ${nodes.length} nodes (${counts.join(", ") || "none of lutra"}), ${tensors.length} initializers` +
    (without.length > 0 ? ` (${without.length} without values: ${[...new Set(without.map((tensor) => tensor.state))]})` : "") +
    `, properties ${Object.keys(properties).sort().join(", ") || "none"}`;
}

const { values: flags, positionals: files } = parseArgs({ options: { json: { type: "boolean" }, picture: { type: "string" } }, allowPositionals: true });
if (files.length === 0 || (flags.picture && files.length > 1)) {
  console.error("usage: node oracle/netron.mjs [--json] FILE.onnx... or --picture OUT.png FILE.onnx");
  process.exit(2);
}
const netron = new Netron();
for (const file of files) {
  try {
    const shown = seen(await netron.open(file));
    check(shown);
    if (flags.picture) {
      const types = shown.nodes.map((node) => node.type).sort();
      const drawn = (await draw(dist, file, flags.picture)).sort();
      demand(drawn.join() === types.join(), `drawn are ${drawn}; expected ${types}`);
    }
    console.log(flags.json ? JSON.stringify(shown) : `${file}: ${summary(shown)}`);
  } catch (error) {
    console.error(`${file}: ${error.message}`);
    process.exitCode = 1;
  }
}
