// The gallery in a real browser. `tests/gallery.rs` starts `cargo xtask up` and runs this with the
// addresses of its gallery, API and storage.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { inNewPage, launch, networkLogOf } from "./chromium.mjs";
import { told } from "./told.mjs";

const GALLERY = told("GALLERY");
const API = told("API");
const SCREENSHOTS = told("SCREENSHOTS");
const UNKNOWN = "/api/v1/images/00000000-0000-4000-8000-000000000000/file";
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const WINDOWS = {
  phone: { width: 390, height: 844 },
  tablet: { width: 820, height: 1180 },
  desktop: { width: 1280, height: 800 },
};
// A desktop's window in a picture that is small enough for a README: docs/gallery.png.
const SMALL = { viewport: WINDOWS.desktop, deviceScaleFactor: 0.6 };

let browser;
let listed;

before(async () => {
  browser = await launch();
  await mkdir(SCREENSHOTS, { recursive: true });
});
beforeEach(async () => {
  listed = await (await fetch(`${GALLERY}/gallery.json`)).json();
});
after(() => browser.close());

/** The original and its other sizes. */
const filesOf = (picture) => [picture, ...(picture.sizes ?? [])];
const withPage = (options, use) => inNewPage(browser, options, use);

async function open(page, count = listed.length) {
  await page.goto(GALLERY);
  await page.waitForFunction(
    (count) => {
      const buttons = [...document.querySelectorAll("#grid button")];
      return buttons.length === count && buttons.every((button) => !button.ariaBusy);
    },
    count,
  );
}

/** Has the page list these pictures instead. */
async function list(page, pictures) {
  await page.route("**/gallery.json", (route) => route.fulfill({ json: pictures }));
}

test("every picture decodes, whole and at its natural size", () => withPage(SMALL, async (page) => {
  await open(page);

  const shown = await page.$$eval("#grid img", (images) => Promise.all(images.map(async ({ currentSrc, loading }) => {
    const whole = Object.assign(new Image(), { src: currentSrc });
    await whole.decode();
    return { url: currentSrc, width: whole.naturalWidth, height: whole.naturalHeight, lazy: loading };
  })));

  assert.ok(listed.length >= 6, `${listed.length} pictures are listed`);
  assert.equal(shown.length, listed.length);
  for (const [index, picture] of listed.entries()) {
    const { url, lazy, ...natural } = shown[index];
    const file = filesOf(picture).find((file) => API + file.url === url);
    assert.ok(file && lazy === "lazy", `${picture.name}: ${url}`);
    if (file.mime_type === "image/svg+xml") assert.ok(natural.width > 0 && natural.height > 0, picture.name);
    else assert.deepEqual(natural, { width: file.width, height: file.height }, picture.name);
  }
  await page.screenshot({ path: join(SCREENSHOTS, "readme.png") });
}));

test("the browser asks nobody but the page's and the API's origin, and no picture twice", async () => {
  const log = await networkLogOf(async (page) => {
    await open(page);
    await page.reload();
    await open(page);
  });

  const hosts = [GALLERY, API].map((origin) => new URL(origin).host);
  assert.deepEqual(new Set(log.asked.map((url) => new URL(url).origin)), new Set([GALLERY, API]));
  assert.deepEqual(new Set(log.connected), new Set(hosts));
  const times = (path) => log.sent.filter((line) => line === `GET ${path} HTTP/1.1`).length;
  assert.equal(times("/"), 3, "the page itself is asked for each time");
  for (const picture of listed) {
    const asked = filesOf(picture).flatMap(({ url, width, mime_type: type }) => Array(times(url)).fill(`${width} px, ${type}`));
    assert.equal(asked.length, 1, `${picture.name}: ${asked.join("; ")}`);
  }
});

test("pictures far below the window are not asked for until one scrolls there", () => withPage({}, async (page) => {
  const copies = Array.from({ length: 80 }, (_, copy) => ({ ...listed[0], sizes: [], url: `${listed[0].url}?copy=${copy}` }));
  await list(page, copies);
  const asked = new Set();
  page.on("request", (request) => request.resourceType() === "image" && asked.add(request.url()));

  await page.goto(GALLERY);
  await page.locator("#grid img").first().evaluate((image) => image.decode());
  const last = API + copies.at(-1).url;
  assert.ok(!asked.has(last) && asked.size < copies.length, `${asked.size} are asked for at once`);

  const answer = page.waitForRequest(last);
  await page.locator("#grid li").last().evaluate((item) => item.scrollIntoView());
  await answer;
}));

test("with an emptied cache and an entity-tag at hand, a page of another origin is answered 304", () => withPage({}, async (page) => {
  await page.goto(GALLERY);
  const url = API + listed[0].url;
  const ask = (headers) => page.evaluate(async ([url, headers]) => {
    const response = await fetch(url, { headers });
    const bytes = (await response.arrayBuffer()).byteLength;
    return { status: response.status, etag: response.headers.get("ETag"), length: response.headers.get("Content-Length"), bytes };
  }, [url, headers]);

  const first = await ask({});
  const session = await page.context().newCDPSession(page);
  await session.send("Network.clearBrowserCache");
  const second = await ask({ "If-None-Match": first.etag });

  const { size_bytes: size } = listed[0];
  assert.match(first.etag, /^"[0-9a-f]{64}"$/);
  assert.deepEqual(first, { status: 200, etag: first.etag, length: String(size), bytes: size });
  assert.deepEqual([second.status, second.etag, second.bytes], [304, first.etag, 0]);
}));

test("a page of another origin can verify a picture by the digest that comes with it", () => withPage({}, async (page) => {
  await page.goto(GALLERY);
  const told = await page.evaluate(async (url) => {
    const response = await fetch(url);
    const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()));
    return { header: response.headers.get("Repr-Digest"), computed: `sha-256=:${btoa(String.fromCharCode(...sha256))}:` };
  }, API + listed[0].url);

  assert.equal(told.header, told.computed);
}));

test("whatever caches and tracers add to a page's fetch is let through", () => withPage({}, async (page) => {
  await page.goto(GALLERY);
  const ask = (headers) => page.evaluate(async ([url, headers]) => {
    const response = await fetch(url, { headers, cache: "no-store" });
    return response.status;
  }, [API + listed[0].url, headers]);

  for (const [name, value] of [
    ["cache-control", "no-cache"],
    ["pragma", "no-cache"],
    ["expires", "0"],
    ["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    ["x-requested-with", "XMLHttpRequest"],
    ["if-match", "*"],
  ]) {
    assert.equal(await ask({ [name]: value }), 200, name);
  }
  assert.equal(await ask({ range: "bytes=0-1", traceparent: "x", "cache-control": "no-cache" }), 206);
}));

test("a picture that is missing says why, and can be tried again", () => withPage({ viewport: WINDOWS.desktop }, async (page) => {
  const [first, second, third] = listed;
  await list(page, [first, { ...second, sizes: [], url: UNKNOWN, name: "missing.png" }, third]);
  await open(page, 3);

  const failed = page.getByRole("button", { name: "missing.png could not be loaded: Image not found." });
  await failed.waitFor();
  assert.equal(await page.getByRole("status").textContent(), "3 pictures, 1 of them could not be loaded");
  await page.screenshot({ path: join(SCREENSHOTS, "broken-image.png") });

  await page.route(API + UNKNOWN, (route) => route.fulfill({ contentType: "image/svg+xml", body: "<svg xmlns='http://www.w3.org/2000/svg'/>" }));
  await failed.press("Enter");
  await page.getByRole("button", { name: "missing", exact: true }).waitFor();
  await page.getByText("3 pictures", { exact: true }).waitFor();
}));

test("while the list is on its way the page says so, and without one it offers to try again", () => withPage({}, async (page) => {
  let held;
  const asked = new Promise((resolve) => page.route("**/gallery.json", (route) => resolve((held = route))));

  await page.goto(GALLERY);
  await asked;
  assert.equal(await page.getByRole("status").textContent(), "Loading pictures…");
  await held.fulfill({ status: 404, body: "" });
  await page.getByRole("alert").getByText("The list of pictures could not be loaded").waitFor();

  await page.unroute("**/gallery.json");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText(`${listed.length} pictures`).waitFor();
  assert.equal(await page.getByRole("alert").textContent(), "");
}));

test("the keyboard alone opens a picture, turns pages, and comes back to where it turned to", () => withPage({}, async (page) => {
  await open(page);
  const name = (index) => listed.at(index).name;
  const dialog = page.getByRole("dialog");

  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: name(0) }).waitFor();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("dialog", { name: name(1) }).waitFor();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("dialog", { name: name(-1) }).waitFor();
  for (let presses = 0; presses < 6; presses += 1) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("dialog")));
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });

  await page.locator("#grid li").last().locator("button:focus").waitFor();
}));

for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries(WINDOWS)) {
    test(`on a ${size} in ${colorScheme} nothing is cut off or hard to perceive`, () =>
      withPage({ viewport, colorScheme, bypassCSP: true, reducedMotion: "reduce" }, async (page) => {
        await open(page);
        await page.addScriptTag({ path: AXE });
        const looked = async (name) => {
          await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
          const { violations, passes } = await page.evaluate(() => axe.run());
          assert.ok(passes.length > 10, `axe only looked at ${passes.length} rules`);
          assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
          const scrollWidth = await page.evaluate(() => document.documentElement.scrollWidth);
          assert.ok(scrollWidth <= viewport.width, `${scrollWidth} px wide`);
        };

        await looked(`${size}-${colorScheme}`);
        await page.locator("#grid button").first().click();
        await page.waitForFunction(() => !document.querySelector(".stage").ariaBusy);
        await looked(`lightbox-${size}-${colorScheme}`);
      }));
  }
}
