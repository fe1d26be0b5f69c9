// Netron's own page in a headless browser: the other half of netron.mjs.
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import process from "node:process";

const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json" };

// around is the page around Netron's, which gives it the file and hears from it. The
// browser takes its picture when all is loaded: the server holds an empty image back
// until Netron has drawn.
const around = `<!doctype html><title>around</title><style>body{margin:0} iframe{width:100vw;height:100vh;border:0}</style><link rel="icon" href="data:,">
<script>
const tell = (drawn) => fetch("/drawn", { method: "POST", body: JSON.stringify(drawn) });
onmessage = async ({ data: { type, data } }) => {
  const netron = document.querySelector("iframe");
  if (type === "status" && data === "ready") {
    const file = new File([await (await fetch("/file")).blob()], "model.onnx");
    netron.contentWindow.postMessage({ type: "change-files", data: [file] }, "*");
  }
  if (type === "error") tell({ error: data });
  if (type === "status" && data === "rendered") {
    tell({ texts: [...netron.contentDocument.querySelectorAll(".node-item-type text")].map((text) => text.textContent) });
  }
};
</script><iframe src="/netron/index.html"></iframe><img src="/drawn.svg" hidden>`;

// serve answers the browser, and passes on what Netron tells.
function serve(dist, file, told) {
  let finish;
  const drawn = new Promise((resolve) => (finish = resolve));
  return http.createServer((request, response) => {
    const name = request.url.split("?")[0];
    const answer = (type, body) => response.setHeader("Content-Type", type).end(body);
    if (name === "/drawn") {
      let body = "";
      request.on("data", (part) => (body += part)).on("end", () => {
        told(JSON.parse(body));
        response.end();
        finish();
      });
    } else if (name === "/drawn.svg") {
      drawn.then(() => answer("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"/>'));
    } else if (name === "/file") {
      answer("application/octet-stream", fs.readFileSync(file));
    } else if (name.startsWith("/netron/") && fs.existsSync(path.join(dist, path.basename(name)))) {
      answer(types[path.extname(name)], fs.readFileSync(path.join(dist, path.basename(name))));
    } else if (name === "/") {
      answer("text/html", around);
    } else {
      response.writeHead(404).end();
    }
  });
}

// browse opens the page, takes the picture and returns the lines of the console.
function browse(address, picture) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "netronpage-"));
  const browser = spawn(process.env.BROWSER ?? "chromium", ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
    `--user-data-dir=${profile}`, "--window-size=1200,900", `--screenshot=${path.resolve(picture)}`, address], { timeout: 60_000 });
  let log = "";
  browser.stderr.on("data", (part) => (log += part));
  return new Promise((resolve, reject) => {
    browser.on("error", reject).on("close", (code) => {
      fs.rmSync(profile, { recursive: true, force: true });
      code === 0 ? resolve(log.split("\n").filter((line) => line.includes("CONSOLE"))) : reject(new Error(`the browser ends with ${code}\n${log}`));
    });
  });
}

// draw has the page of dist draw a file, writes a picture of it, and returns the
// types of the nodes drawn. Nothing may be on the browser's console.
export async function draw(dist, file, picture) {
  let drawn = { error: "the page told nothing" };
  const server = serve(dist, file, (what) => (drawn = what));
  await new Promise((listens) => server.listen(0, "127.0.0.1", listens));
  try {
    const lines = await browse(`http://127.0.0.1:${server.address().port}/`, picture);
    if (drawn.error || lines.length > 0) {
      throw new Error(`Netron's page: ${drawn.error ?? lines.join("; ")}`);
    }
    return drawn.texts;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
