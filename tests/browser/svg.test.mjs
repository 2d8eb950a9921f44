// An SVG as a document of its own, which a browser would let run and load whatever it asks for.
// `tests/gallery.rs` starts `cargo xtask up` and runs this.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { colourAt, inNewPage, launch } from "./chromium.mjs";
import { hostileSvg, startCanary } from "./hostile.mjs";
import { importFile } from "./import.mjs";
import { told } from "./told.mjs";

const API = told("API");

// One pixel of it, before a ground of another colour, which is what is seen without it.
const PICTURE = { rgb: [18, 52, 200], png: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGMQMjkBAAFqAQ9o8O3zAAAAAElFTkSuQmCC" };
const GROUND = [165, 35, 29];
const pictureSvg = () => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="100" height="100">
  <rect width="100" height="100" fill="rgb(${GROUND})"/>
  <image href="data:image/png;base64,${PICTURE.png}" x="10" y="10" width="80" height="80" preserveAspectRatio="none"/>
  <script>document.documentElement.setAttribute("data-ran", "script")</script>
</svg>
`;

const WHERE = {
  "on its own": async (page, url) => {
    await page.goto(url, { waitUntil: "networkidle" });
    return page.mainFrame();
  },
  "in an iframe": async (page, url) => {
    await page.setContent(`<body style="margin: 0"><iframe src="${url}" style="border: 0"></iframe>`, { waitUntil: "networkidle" });
    return page.mainFrame().childFrames()[0];
  },
};

let browser;

// In a process of its own, which it gets by default, a sandboxed frame is missing in a headless screenshot.
before(async () => (browser = await launch(["--disable-site-isolation-trials"])));
after(() => browser.close());

/** The URL of an SVG that is in storage from now on. */
const imported = async (name, svg) => `${API}/api/v1/images/${await importFile(name, svg)}/file`;

const ran = (frame) => frame.locator("svg").first().getAttribute("data-ran");

for (const [where, open] of Object.entries(WHERE)) {
  test(`an SVG ${where} shows the picture that it embeds, and runs no script`, () => inNewPage(browser, {}, async (page) => {
    const canary = await startCanary(pictureSvg);
    try {
      // Unguarded, its script runs: what is looked for below can be seen.
      assert.equal(await ran(await open(page, canary.origin)), "script");

      const frame = await open(page, await imported("picture.svg", pictureSvg()));

      assert.deepEqual([await colourAt(page, 5, 5), await colourAt(page, 50, 50)], [GROUND, PICTURE.rgb]);
      assert.equal(await ran(frame), null);
    } finally {
      canary.stop();
    }
  }));

  test(`a hostile SVG ${where} runs nothing and loads nothing`, () => inNewPage(browser, {}, async (page) => {
    const canary = await startCanary(hostileSvg);
    try {
      const svg = hostileSvg(canary.origin);
      const url = await imported("hostile.svg", svg);

      // Unguarded, it does both.
      assert.ok(await ran(await open(page, canary.origin)));
      for (const path of ["/stylesheet.css", "/script.js", "/import.css", "/image.png", "/html.png", "/data-frame", "/fetch-script"]) {
        assert.ok(canary.asked.includes(path), `${path} was not tried: ${canary.asked}`);
      }
      canary.asked.length = 0;

      const frame = await open(page, url);

      assert.equal(await frame.locator("svg text").textContent(), "hostile.svg");
      assert.equal(await ran(frame), null);
      assert.deepEqual(canary.asked, []);
      const { status, headers } = await fetch(url);
      const hash = createHash("sha256").update(svg).digest("hex");
      assert.deepEqual(
        [status, headers.get("content-type"), headers.get("etag")],
        [200, "image/svg+xml", `"${hash}"`],
      );
    } finally {
      canary.stop();
    }
  }));
}
