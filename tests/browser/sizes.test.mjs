// Which of a picture's files a page takes, and what is there until it came.

import assert from "node:assert/strict";
import { test } from "node:test";
import { JPEG, PNG, WEBP, pictureOf } from "./pictures.mjs";
import { site, visit } from "./visit.mjs";

const PHOTOGRAPH = {
  name: "photograph.jpg",
  width: 3000,
  height: 2000,
  size_bytes: 5e6,
  sizes: [320, 640, 1280, 2560].flatMap((width) => [[width, JPEG], [width, WEBP]]),
  hasPlaceholder: true,
};
const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1440, height: 900 };

const asked = (entry) => {
  const files = [{ ...entry, width: "original" }, ...entry.sizes];
  return site.asked.map((path) => files.find(({ url }) => url === path)).map(({ width, mime_type }) => [width, mime_type]);
};
const openFirst = async (page) => {
  await page.locator("#grid button").first().click();
  await page.locator(".stage:not([aria-busy])").waitFor();
};

for (const [what, { viewport, deviceScaleFactor, tile, lightbox }] of Object.entries({
  "a phone": { viewport: PHONE, deviceScaleFactor: 1, tile: 640, lightbox: 640 },
  "a sharp phone": { viewport: PHONE, deviceScaleFactor: 3, tile: 1280, lightbox: 1280 },
  "a desktop": { viewport: DESKTOP, deviceScaleFactor: 1, tile: 640, lightbox: 1280 },
  "a wall": { viewport: { width: 3800, height: 2400 }, deviceScaleFactor: 1, tile: 640, lightbox: "original" },
})) {
  test(`on ${what}, a tile and the lightbox load a WebP of the width that they need, and nothing else`, () =>
    visit({ viewport, deviceScaleFactor, pictures: [PHOTOGRAPH] }, async (page, [entry]) => {
      await openFirst(page);

      const type = lightbox === "original" ? JPEG : WEBP;
      const expected = [[tile, WEBP], [lightbox, type]];
      assert.deepEqual(asked(entry), tile === lightbox ? expected.slice(1) : expected);
    }));
}

test("where there are two types, a browser without WebP has all widths too", () =>
  visit({ pictures: [PHOTOGRAPH, { ...PHOTOGRAPH, sizes: [[320, PNG], [640, WEBP]] }] }, async (page, [both, mixed]) => {
    const frames = await page.$$eval("#grid picture", (frames) => frames.map((frame) => {
      const [source, image] = [frame.querySelector("source"), frame.querySelector("img")];
      return { type: source?.type, modern: source?.srcset, plain: image.srcset, sizes: [source?.sizes, image.sizes] };
    }));

    const of = ({ sizes }, ...types) => sizes.filter((size) => types.includes(size.mime_type)).map(({ url, width }) => `${api(url)} ${width}w`);
    const api = (url) => new URL(url, frames[0].plain).href;
    assert.deepEqual(frames.map(({ type }) => type), [WEBP, WEBP]);
    assert.deepEqual(frames[0].modern.split(", "), of(both, WEBP));
    assert.deepEqual(frames[0].plain.split(", "), of(both, JPEG));
    assert.deepEqual(frames[1].modern.split(", "), of(mixed, PNG, WEBP));
    assert.deepEqual(frames[1].plain.split(", "), of(mixed, PNG));
    for (const { sizes: [ofSource, ofImage] } of frames) assert.ok(ofSource === ofImage && /rem$/.test(ofImage), `${ofSource}; ${ofImage}`);
  }));

test("a picture without sizes, or with an original of a few bytes, is shown by its original", () =>
  visit({ viewport: { width: 800, height: 2000 }, deviceScaleFactor: 2, pictures: [
    { name: "without sizes.png", type: PNG, width: 900, height: 600 },
    { name: "light.jpg", width: 700, height: 700, sizes: [[320, WEBP]] },
  ] }, async (page, entries) => {
    const urls = entries.map(({ url }) => url);

    assert.deepEqual(new Set(site.asked), new Set(urls));
    const natural = await page.$$eval("#grid img", (images) => images.map(({ width, height }) => width / height));
    natural.forEach((ratio, index) => assert.ok(Math.abs(ratio - entries[index].width / entries[index].height) < 0.01, `${ratio}`));
  }));

test("until a picture came, its placeholder stands in its place, and nothing moves when it comes", () =>
  visit({ viewport: PHONE, pictures: Array.from({ length: 12 }, () => PHOTOGRAPH), ready: () => {} }, async (page, entries) => {
    const release = await hold(page);
    await page.reload();
    await page.locator("#grid button[aria-busy]").nth(11).waitFor();
    const backgrounds = () => page.$$eval("#grid img", (images) => images.map((image) => image.style.backgroundImage));
    assert.deepEqual(await backgrounds(), entries.map(({ placeholder }) => `url("${placeholder}")`));
    const boxes = () => page.$$eval("#grid img", (images) => images.map((image) => JSON.stringify(image.getBoundingClientRect())));
    const before = await boxes();
    const attributes = await page.$$eval("#grid img", (images) => images.map((image) => [image.getAttribute("width"), image.getAttribute("height")]));
    assert.deepEqual(attributes[0], ["3000", "2000"]);

    release();
    await page.locator("#grid button:not([aria-busy])").nth(2).waitFor();

    assert.deepEqual(await boxes(), before);
    assert.equal((await backgrounds())[0], "");
    assert.ok((await shiftOf(page)) < 0.02);
  }));

test("a picture that looks transparent has no placeholder behind it once it is there", () =>
  visit({ pictures: [{ ...PHOTOGRAPH, type: PNG }] }, async (page) => {
    await openFirst(page);

    const backgrounds = await page.$$eval("img", (images) => images.map((image) => image.style.backgroundImage));
    assert.deepEqual(backgrounds, ["", ""]);
  }));

test("a placeholder that is an address is not asked for", () => {
  const placeholders = ["elsewhere", 'data:image/webp"); background-image: url("elsewhere'];
  return visit({ pictures: placeholders.map((placeholder) => pictureOf(Buffer.from("none"), { placeholder })) }, async (page) => {
    assert.equal(await page.locator(".problem").count(), 2);
    const asked = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
    assert.deepEqual(asked.filter((name) => name.startsWith(`${site.origin}/elsewhere`)), []);
  });
});

test("a size that is missing says so, and can be tried again", () =>
  visit({ viewport: DESKTOP, pictures: [PHOTOGRAPH], ready: () => {} }, async (page, [entry]) => {
    const needed = `**${entry.sizes.find(({ width, mime_type }) => width === 640 && mime_type === WEBP).url}`;
    await page.route(needed, (route) => route.fulfill({ status: 404, headers: { "Access-Control-Allow-Origin": "*" }, json: { detail: "Image not found" } }));
    await page.reload();

    const failed = page.getByRole("button", { name: "photograph.jpg could not be loaded: Image not found." });
    await failed.waitFor();
    await page.unroute(needed);
    await failed.click();

    await page.getByRole("button", { name: "photograph", exact: true }).waitFor();
    await page.getByText("1 picture", { exact: true }).waitFor();
  }));

/** Keeps pictures waiting until the answer is called. */
async function hold(page) {
  const held = [];
  let isHeld = true;
  await page.route("**/file", (route) => (isHeld ? held.push(route) : route.continue()));
  return () => {
    isHeld = false;
    for (const route of held) route.continue();
  };
}

/** The cumulative layout shift so far. */
function shiftOf(page) {
  return page.evaluate(() => new Promise((resolve) => {
    let sum = 0;
    // Its first call has all that was before it.
    new PerformanceObserver((list) => {
      for (const { value } of list.getEntries()) sum += value;
    }).observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(sum))));
  }));
}
