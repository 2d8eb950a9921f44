// A gallery of 3,000 pictures stays usable.

import assert from "node:assert/strict";
import { test } from "node:test";
import { JPEG, WEBP, copyOf, draw } from "./pictures.mjs";
import { site, visit } from "./visit.mjs";

const COUNT = 3000;
const SHAPES = [[1500, 1000], [1000, 1500], [1600, 900], [1200, 1200]];
const VIEWPORT = { width: 1280, height: 800 };
const FRAME_MS = 1000 / 50;
const ATTEMPTS = 3;

const many = async (page) => {
  const sizes = [[320, JPEG], [320, WEBP], [640, JPEG], [640, WEBP]];
  const drawn = await draw(page, Array.from({ length: 24 }, (_, index) => {
    const [width, height] = SHAPES[index % SHAPES.length];
    return { name: `picture-${index}.jpg`, width, height, sizes, hasPlaceholder: true, size_bytes: 3e6 };
  }));
  return Array.from({ length: COUNT }, (_, index) => copyOf(drawn[index % drawn.length]));
};

/** Opens the page once all tiles are there, as many as they are. */
const visitMany = (use, viewport = VIEWPORT) => visit({ viewport, ready: () => {} }, async (page) => {
  await site.list(await many(page));
  await page.goto(site.origin);
  await page.getByText(`${COUNT} pictures`, { exact: true }).waitFor();
  await page.locator("#grid button:not([aria-busy])").first().waitFor();
  await use(page);
});

test(`${COUNT} pictures scroll at 50 frames a second or better, and are there when one stops`, () => visitMany(async (page) => {
  const medians = [];
  do {
    medians.push(await page.evaluate(scrolled, { from: medians.length * 20_000, frames: 240, step: 60 }));
  } while (medians.at(-1) > FRAME_MS && medians.length < ATTEMPTS);

  assert.ok(Math.min(...medians) <= FRAME_MS, `medians of ${medians.map((ms) => ms.toFixed(1))} ms a frame`);
  await page.waitForFunction(() => {
    const inSight = [...document.querySelectorAll("#grid button")].filter((button) => {
      const { top, bottom } = button.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    });
    return inSight.length > 0 && inSight.every((button) => !button.ariaBusy);
  });
}));

test(`the status of ${COUNT} pictures is written only when it changes`, () => visitMany(async (page) => {
  await page.evaluate(() => {
    window.written = 0;
    new MutationObserver((changes) => (window.written += changes.length))
      .observe(document.querySelector("#status"), { childList: true, characterData: true, subtree: true });
  });
  const loaded = () => page.locator("#grid button:not([aria-busy])").count();
  const before = await loaded();

  await page.evaluate(() => scrollTo(0, 10_000));
  await page.waitForFunction((before) => document.querySelectorAll("#grid button:not([aria-busy])").length > before + 8, before);

  assert.equal(await page.evaluate(() => window.written), 0);
}));

for (const viewport of [VIEWPORT, { width: 390, height: 844 }]) {
  test(`at ${viewport.width} px, ${COUNT} pictures are about as high before they are laid out as after`, () => visitMany(async (page) => {
    const height = () => page.evaluate(() => document.documentElement.scrollHeight);
    const expected = await height();

    await page.evaluate(() => {
      for (const group of document.querySelectorAll("#grid ul")) group.style.contentVisibility = "visible";
    });

    const ratio = (await height()) / expected;
    assert.ok(ratio > 0.75 && ratio < 1.33, `${ratio} times as high`);
  }, viewport));
}

test(`of ${COUNT} pictures, the last is shown where its address is opened and closed`, () => visitMany(async (page) => {
  const last = page.locator("#grid li").last();
  const { id } = (await (await fetch(`${site.origin}/gallery.json`)).json()).at(-1);

  await page.goto(`${site.origin}/#${id}`);
  await page.locator(".stage:not([aria-busy])").waitFor();
  await page.keyboard.press("Escape");

  await last.locator("button:focus:not([aria-busy])").waitFor();
  const { top, bottom } = await last.evaluate((item) => item.getBoundingClientRect());
  assert.ok(top < VIEWPORT.height && bottom > 0, `from ${top} to ${bottom} px`);
}));

// In the page: the median of the times between frames, in milliseconds, while it scrolls by `step` pixels a frame.
function scrolled({ from, frames, step }) {
  return new Promise((resolve) => {
    const times = [];
    scrollTo(0, from);
    const next = (now) => {
      times.push(now);
      scrollBy(0, step);
      if (times.length <= frames) return requestAnimationFrame(next);
      const between = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
      return resolve(between[Math.floor(between.length / 2)]);
    };
    requestAnimationFrame(next);
  });
}
