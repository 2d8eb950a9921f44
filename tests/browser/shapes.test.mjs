// Pictures of unusual shapes, windows of unusual shapes, fingers, and pages that lack something.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { colourAt } from "./chromium.mjs";
import { MOVING, PNG, WEBP, pictureOf } from "./pictures.mjs";
import { told } from "./told.mjs";
import { visit } from "./visit.mjs";

const SCREENSHOTS = told("SCREENSHOTS");
const PHONE = { width: 390, height: 844 };
const ON_ITS_SIDE = { width: 844, height: 390 };
const DESKTOP = { width: 1280, height: 800 };
const SHAPES = [
  { name: "ordinary.jpg", width: 900, height: 600 },
  { name: "very tall.png", type: PNG, width: 40, height: 4000 },
  { name: "very wide.png", type: PNG, width: 4000, height: 40 },
  { name: "very small.png", type: PNG, width: 8, height: 8 },
  { name: "ordinary again.jpg", width: 600, height: 900 },
];

before(() => mkdir(SCREENSHOTS, { recursive: true }));

const boxOf = (locator) => locator.evaluate((element) => {
  const { x, y, width, height } = element.getBoundingClientRect();
  return { x, y, width, height };
});
const look = (page, name) => page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
const luminance = ([red, green, blue]) => {
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
};
const contrast = (one, other) => {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
};

for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
  test(`on a ${size}, very tall, wide and small pictures have a tile that can be hit, and are whole in it`, () =>
    visit({ viewport, pictures: SHAPES }, async (page, entries) => {
      await look(page, `shapes-${size}`);

      for (const [index, { name, width, height }] of entries.entries()) {
        const tile = page.locator("#grid button").nth(index);
        const box = await boxOf(tile);
        assert.ok(box.width >= 80 && box.height >= 80, `${name}: ${box.width} × ${box.height}`);
        assert.ok(box.width <= viewport.width && box.height <= viewport.height, `${name}: ${box.width} × ${box.height}`);
        const fit = await tile.locator("img").evaluate((image) => getComputedStyle(image).objectFit);
        assert.equal(fit, Math.max(width, height) < 160 ? "scale-down" : "contain", name);
        await tile.click();
        await page.locator(".stage:not([aria-busy])").waitFor();
        const [shown, stage] = [await boxOf(page.locator("#lightbox img")), await boxOf(page.locator(".stage"))];
        assert.ok(shown.width <= Math.min(width, stage.width) + 1 && shown.height <= Math.min(height, stage.height) + 1, name);
        assert.ok(Math.abs(shown.width / shown.height / (width / height) - 1) < 0.3, `${name}: ${shown.width} × ${shown.height}`);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "hidden" });
      }
    }));

  test(`on a ${size}, what is said of a picture that failed can be read whole, whatever its shape`, () => {
    const failing = SHAPES.map(({ name, width, height }) =>
      pictureOf(Buffer.from("no picture"), { name: `a name of some length that is ${name}`, width, height }));
    return visit({ viewport, pictures: failing }, async (page) => {
      await look(page, `failed-${size}`);

      const cut = await page.$$eval("#grid button", (buttons) => buttons
        .filter((button) => {
          const [outer, inner] = [button, button.querySelector(".problem")].map((element) => element.getBoundingClientRect());
          return inner.bottom > outer.bottom + 1 || inner.right > outer.right + 1 || inner.scrollWidth > inner.clientWidth || outer.width < 170;
        })
        .map(({ textContent }) => textContent));
      assert.deepEqual(cut, []);
      const reaches = await page.$$eval("#grid li", (items) => items.map((item) => {
        const [tile, caption] = [item.querySelector("button"), item.querySelector("figcaption")].map((element) => element.getBoundingClientRect());
        return caption.top - tile.bottom;
      }));
      assert.ok(reaches.every((gap) => gap >= -1), `captions begin ${reaches} px below their tiles`);
      const text = await page.locator(".problem").first().evaluate((problem) => problem.scrollHeight <= problem.clientHeight + 1);
      assert.ok(text);
    });
  });
}

test("a phone on its side gives the picture all of its height, and shows what is said of it", () =>
  visit({ viewport: ON_ITS_SIDE, reducedMotion: "reduce", pictures: [{ name: "square.jpg", width: 1200, height: 1200 }, ...SHAPES] }, async (page) => {
    await look(page, "landscape-phone");
    const tiles = await page.$$eval("#grid button", (buttons) => buttons.map((button) => button.getBoundingClientRect().height));
    assert.ok(tiles[0] <= 0.75 * ON_ITS_SIDE.height, `a tile is ${tiles[0]} px high`);
    await page.locator("#grid button").first().click();
    await page.locator(".stage:not([aria-busy])").waitFor();
    await look(page, "lightbox-landscape-phone");

    const image = await boxOf(page.locator("#lightbox img"));
    assert.ok(image.height >= 0.95 * ON_ITS_SIDE.height, `${image.height} px high`);
    for (const part of await page.locator("#lightbox button:visible, #lightbox a, #title, #details").all()) {
      const box = await boxOf(part);
      assert.ok(box.x >= image.x + image.width && box.x + box.width <= ON_ITS_SIDE.width && box.y + box.height <= ON_ITS_SIDE.height, await part.textContent());
    }
  }));

test("a finger that goes across turns pages; up and down, a little, or two fingers do not", () =>
  visit({ viewport: PHONE, hasTouch: true, isMobile: true, pictures: SHAPES }, async (page, entries) => {
    const session = await page.context().newCDPSession(page);
    const swipe = async (...fingers) => {
      const points = (at) => fingers.map((finger, id) => ({ id, x: finger[at][0], y: finger[at][1] }));
      await session.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: points(0) });
      await session.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: points(1) });
      await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    };
    const isAt = (index) => page.getByRole("dialog", { name: entries.at(index).name, exact: true }).waitFor();
    await page.locator("#grid button").first().tap();
    await isAt(0);

    await swipe([[300, 400], [100, 420]]);
    await isAt(1);
    await swipe([[100, 400], [300, 420]]);
    await isAt(0);
    await swipe([[100, 400], [300, 380]]);
    await isAt(-1);
    await swipe([[300, 400], [100, 420]]);
    await isAt(0);

    await swipe([[200, 300], [130, 600]]);
    await swipe([[200, 400], [220, 400]]);
    // Each of those before would have turned to another.
    await swipe([[300, 400], [100, 400]]);
    await isAt(1);

    await swipe([[150, 400], [50, 400]], [[200, 400], [350, 400]]);
    await page.waitForFunction(() => visualViewport.scale > 1);
    // What is enlarged is moved. The browser would cancel most touches of this kind, not all.
    await page.locator(".stage").evaluate((stage) => {
      const touch = (clientX) => new Touch({ identifier: 0, target: stage, clientX, clientY: 400 });
      stage.dispatchEvent(new TouchEvent("touchstart", { touches: [touch(300)], changedTouches: [touch(300)] }));
      stage.dispatchEvent(new TouchEvent("touchend", { changedTouches: [touch(100)] }));
    });
    assert.equal(await page.locator("#title").textContent(), entries[1].name);
  }));

for (const colorScheme of ["light", "dark"]) {
  test(`a tile that is still loading can be seen in ${colorScheme}`, () =>
    visit({ colorScheme, viewport: DESKTOP, pictures: SHAPES, ready: () => {} }, async (page) => {
      await page.route("**/file", () => {});
      await page.reload();
      const tile = page.locator("#grid button[aria-busy]").first();
      await tile.waitFor();
      await look(page, `loading-${colorScheme}`);

      const { x, y, width, height } = await boxOf(tile);
      const ground = await colourAt(page, x - 6, y + height / 2);
      const edge = await colourAt(page, x + width / 2, y + 1);
      assert.ok(contrast(edge, ground) >= 3, `${edge} before ${ground}`);
    }));
}

for (const [type, base64] of Object.entries(MOVING)) {
  const moving = () => pictureOf(Buffer.from(base64, "base64"), { name: `moving.${type.slice(6)}`, mime_type: type, width: 48, height: 32 });
  const shades = async (page, selector) => {
    const { x, y, width, height } = await boxOf(page.locator(selector).first());
    const seen = new Set();
    for (let look = 0; look < 12; look += 1) {
      const [red] = await colourAt(page, x + width / 2, y + height / 2);
      seen.add(red > 128 ? "red" : "blue");
    }
    return [...seen].sort();
  };

  test(`who asks for less motion sees ${type} stand still, and can play it`, () =>
    visit({ viewport: DESKTOP, reducedMotion: "reduce", pictures: [moving()] }, async (page) => {
      assert.deepEqual(await shades(page, "#grid img"), ["red"]);
      await page.getByRole("button", { name: "moving" }).click();
      const play = page.getByRole("button", { name: "Play" });
      await play.waitFor();
      assert.deepEqual(await shades(page, "#lightbox img"), ["red"]);

      await play.click();
      assert.deepEqual(await shades(page, "#lightbox img"), ["blue", "red"]);
      await page.getByRole("button", { name: "Stop" }).click();
      await play.waitFor();
      assert.deepEqual(await shades(page, "#lightbox img"), ["red"]);
    }));

  test(`who does not, sees ${type} move, and is offered no button`, () =>
    visit({ viewport: DESKTOP, reducedMotion: "no-preference", pictures: [moving()] }, async (page) => {
      assert.deepEqual(await shades(page, "#grid img"), ["blue", "red"]);
      await page.getByRole("button", { name: "moving" }).click();
      await page.locator(".stage:not([aria-busy])").waitFor();
      assert.equal(await page.getByRole("button", { name: "Play" }).count(), 0);
    }));
}

test("who asks for less motion is offered no button for a picture that stands still, and nothing of the page moves", () =>
  visit({ reducedMotion: "reduce", pictures: [{ name: "still.webp", type: WEBP, width: 300, height: 200 }] }, async (page) => {
    await page.getByRole("button", { name: "still" }).click();
    await page.locator(".stage:not([aria-busy])").waitFor();

    assert.equal(await page.getByRole("button", { name: "Play" }).count(), 0);
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    const timed = await page.$$eval("*", (elements) => elements.filter((element) => getComputedStyle(element).transitionDuration !== "0s").length);
    assert.equal(timed, 0);
  }));

test("without JavaScript the page says what it needs, and not that it is loading", () =>
  visit({ javaScriptEnabled: false, ready: () => {} }, async (page) => {
    const said = await page.locator("body").innerText();

    assert.match(said, /JavaScript, which is switched off/);
    assert.doesNotMatch(said, /Loading/);
  }));
