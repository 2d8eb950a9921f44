// The page as its own server gives it, before pictures that a test makes up: the API is a server of this
// process, which knows what it was asked for.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { told } from "./told.mjs";

const PAGE = fileURLToPath(new URL("../../examples/gallery", import.meta.url));

/** A site without pictures; `list` gives it some. */
export async function startSite() {
  const bodies = new Map();
  const asked = [];
  const api = createServer(({ url }, response) => {
    asked.push(url);
    const body = bodies.get(url.split("?")[0]);
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Cache-Control", "public, max-age=31536000, immutable");
    if (!body) response.writeHead(404, { "Content-Type": "application/problem+json" }).end('{"detail":"Image not found"}');
    else response.writeHead(200, { "Content-Type": body.type, "Content-Length": body.bytes.length }).end(body.bytes);
  });
  await once(api.listen(0, "127.0.0.1"), "listening");

  const folder = await mkdtemp(join(tmpdir(), "site-"));
  const [pictures, running] = [join(folder, "gallery.json"), join(folder, "up.json")];
  await writeFile(pictures, "[]");
  await writeFile(running, JSON.stringify({ api: `http://127.0.0.1:${api.address().port}` }));
  const server = spawn(
    told("GALLERY_SERVER"),
    ["serve", "--listen", "127.0.0.1:0", "--page", PAGE, "--pictures", pictures, "--running", running],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [line] = await once(createInterface(server.stdout), "line");

  return {
    origin: line.replace("Serving ", ""),
    /** Paths that the API was asked for, each time. */
    asked,
    /** Has the page list these pictures, and the API serve their `files`. */
    async list(those) {
      asked.length = 0;
      bodies.clear();
      for (const { files } of those) for (const [path, body] of files) bodies.set(path, body);
      await writeFile(pictures, JSON.stringify(those.map(({ entry }) => entry)));
    },
    async stop() {
      server.kill("SIGINT");
      api.close();
      api.closeAllConnections();
      await once(server, "exit");
      await rm(folder, { recursive: true });
    },
  };
}
