// The sample pictures in the sizes that `cargo xtask up` makes of them. `tests/gallery.rs` starts it and
// runs this.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { inNewPage, launch } from "./chromium.mjs";
import { importFile } from "./import.mjs";
import { told } from "./told.mjs";

const GALLERY = told("GALLERY");
const API = told("API");
/** Bytes of pictures that a window loads before anyone scrolls. */
const MOST = { 390: 300e3, 768: 600e3, 1440: 1200e3 };

let browser;
let listed;

before(async () => {
  browser = await launch();
  listed = await list();
});
after(() => browser.close());

test("every raster sample that is wider than the narrowest size has sizes, narrowest first, and a placeholder", () => {
  for (const { name, mime_type, width, sizes, placeholder } of listed) {
    if (["image/svg+xml", "image/gif"].includes(mime_type) || width <= 320) continue;
    const widths = sizes.map((size) => size.width);
    assert.ok(widths.length > 0 && widths.every((each) => each < width), `${name}: ${widths}`);
    assert.deepEqual(widths, [...widths].sort((a, b) => a - b), name);
    assert.match(placeholder, /^data:image\/webp;base64,/, name);
  }
});

for (const [width, most] of Object.entries(MOST)) {
  test(`at ${width} px the samples take at most ${most / 1e3} kB before anyone scrolls`, () =>
    inNewPage(browser, { viewport: { width: Number(width), height: 900 } }, async (page) => {
      await page.goto(GALLERY);
      await page.waitForLoadState("networkidle");

      const loaded = await page.$$eval("#grid img", (images) => images.filter(({ complete }) => complete).map(({ currentSrc }) => currentSrc));
      const files = loaded.map((url) => listed.flatMap((picture) => [picture, ...picture.sizes]).find((file) => API + file.url === url));
      const bytes = files.reduce((sum, { size_bytes: size }) => sum + size, 0);
      assert.ok(files.length > 0 && bytes <= most, `${bytes} bytes: ${files.map((file) => file.size_bytes)}`);
    }));
}

test("every size has the dimensions that the list tells, and the shape of its original", () => inNewPage(browser, {}, async (page) => {
  await page.goto(GALLERY);
  for (const picture of listed) {
    for (const size of picture.sizes) {
      const natural = await naturalOf(page, API + size.url);
      assert.deepEqual(natural, [size.width, size.height], `${picture.name} at ${size.width}`);
      assert.ok(Math.abs(size.height - (size.width * picture.height) / picture.width) <= 1, `${picture.name} at ${size.width}`);
    }
  }
}));

test("nothing moves while the samples come", () => inNewPage(browser, { viewport: { width: 390, height: 844 } }, async (page) => {
  await page.goto(GALLERY);
  await page.locator("#grid button:not([aria-busy])").nth(2).waitFor();
  const shift = await page.evaluate(() => new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (sum += value))).observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(sum))));
  }));
  assert.ok(shift < 0.02, `${shift}`);
}));

test("every size of a picture in Display P3 has its colours within 3 units, and of every other within 5", () => inNewPage(browser, {}, async (page) => {
  await page.goto(GALLERY);
  const pictures = [...listed, await imported("display-p3.jpg", await displayP3(page))];
  assert.ok(pictures.at(-1).sizes.length > 0);
  for (const picture of pictures) {
    for (const size of picture.sizes) {
      const [expected, seen] = [await colours(page, API + picture.url), await colours(page, API + size.url)];
      const off = Math.max(...seen.map((value, channel) => Math.abs(value - expected[channel])));
      // JPEG halves the samples of colour, which pure colours side by side show.
      assert.ok(off <= (picture.name === "display-p3.jpg" ? 3 : 5), `${picture.name}, ${size.mime_type} at ${size.width}: ${off} units`);
    }
  }
}));

/** What the gallery lists, each picture with its sizes. */
async function list() {
  const pictures = await (await fetch(`${GALLERY}/gallery.json`)).json();
  return pictures.map((picture) => ({ sizes: [], ...picture }));
}

/** What the list has of a picture that is in storage from now on. */
async function imported(name, bytes) {
  const id = await importFile(name, bytes);
  return (await list()).find((picture) => picture.id === id);
}

// Bars of colours, with their profile.
async function displayP3(page) {
  const base64 = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(800, 600);
    const context = canvas.getContext("2d", { colorSpace: "display-p3" });
    ["0.5 0.2 0.2", "0.2 0.6 0.3", "0.3 0.3 0.7", "0.6 0.6 0.4"].forEach((colour, bar) => {
      context.fillStyle = `color(display-p3 ${colour})`;
      context.fillRect(200 * bar, 0, 200, 600);
    });
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 })).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  });
  return Buffer.from(base64, "base64");
}

function naturalOf(page, url) {
  return page.evaluate(async (src) => {
    const image = Object.assign(new Image(), { src });
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  }, url);
}

/** Red, green and blue of 16 parts of a picture, each the mean of all its pixels, as a page in sRGB has them. */
function colours(page, url) {
  return page.evaluate(async (url) => {
    const bitmap = await createImageBitmap(await (await fetch(url)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const [width, height] = [Math.floor(bitmap.width / 4), Math.floor(bitmap.height / 4)];
    return Array.from({ length: 16 }, (_, part) => {
      const { data } = context.getImageData((part % 4) * width, Math.floor(part / 4) * height, width, height);
      const sums = [0, 0, 0];
      for (let at = 0; at < data.length; at += 4) sums.forEach((_, channel) => (sums[channel] += data[at + channel]));
      return sums.map((sum) => sum / (width * height));
    }).flat();
  }, url);
}
