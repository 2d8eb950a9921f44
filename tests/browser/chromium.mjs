// Debian's Chromium, cut off from every address but this machine's, and what it says of its network.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const QUIET = [
  "--no-sandbox", // root, as in a container, has none
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-proxy-server",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

export function launch(more = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [...QUIET, ...more],
  });
}

/** A page in a profile of its own: no cache, no history. */
export async function inNewPage(browser, options, use) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(20_000);
  try {
    await use(await context.newPage());
  } finally {
    await context.close();
  }
}

/** Red, green and blue of what a page shows at a place. */
export async function colourAt(page, x, y) {
  const shot = await page.screenshot({ clip: { x, y, width: 1, height: 1 } });
  let colour;
  await inNewPage(page.context().browser(), {}, async (decoder) => {
    colour = await decoder.evaluate(async (png) => {
      const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
      const canvas = new OffscreenCanvas(1, 1).getContext("2d");
      canvas.drawImage(bitmap, 0, 0);
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    }, shot.toString("base64"));
  });
  return colour;
}

/** Runs `visit` in a browser of its own, and returns what that browser's own network log says. */
export async function networkLogOf(visit) {
  const folder = await mkdtemp(join(tmpdir(), "gallery-"));
  const file = join(folder, "network.json");
  try {
    const browser = await launch([`--log-net-log=${file}`]);
    try {
      await visit(await browser.newPage());
    } finally {
      await browser.close();
    }
    return read(JSON.parse(await readFile(file, "utf8")));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function read({ constants, events }) {
  const { logEventTypes: types } = constants;
  const of = (name) => {
    if (!(name in types)) throw new Error(`Chromium's network log knows no ${name} any more`);
    return events.filter(({ type, params }) => type === types[name] && params);
  };
  // Chromium asks its maker about updates and accounts, which ends at QUIET's resolver rules: these
  // requests have no page that initiated them, and are no page either.
  const isOfPage = ({ params }) => params.url && (params.initiator !== "not an origin" || params.request_type === "main frame");
  return {
    /** The URLs that pages asked for, answered from the cache or not. */
    asked: of("URL_REQUEST_START_JOB").filter(isOfPage).map(({ params }) => params.url),
    /** The addresses that the whole browser connected to, or tried to. */
    connected: of("TCP_CONNECT_ATTEMPT").map(({ params }) => params.address).filter(Boolean),
    /** The request lines that went over the wire. */
    sent: of("HTTP_TRANSACTION_SEND_REQUEST_HEADERS").map(({ params }) => params.line.trim()),
  };
}
