// One picture has an address, and what Back, a link, and turning pages make of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { site, visit } from "./visit.mjs";

const THREE = ["first.jpg", "second.jpg", "third.jpg"].map((name) => ({ name, width: 300, height: 200 }));
const addressOf = ({ id }) => `${site.origin}/#${id}`;
const dialogOf = (page, name) => page.getByRole("dialog", { name, exact: true });
const isClosed = (page) => page.getByRole("dialog").waitFor({ state: "hidden" });

test("opening a picture is a step in the history: Back closes it, and Forward opens it again", () =>
  visit({ pictures: THREE }, async (page, [, second]) => {
    const steps = () => page.evaluate(() => history.length);
    const before = await steps();

    await page.getByRole("button", { name: "second" }).click();
    await dialogOf(page, "second.jpg").waitFor();
    assert.equal(page.url(), addressOf(second));
    assert.equal(await steps(), before + 1);

    await page.goBack();
    await isClosed(page);
    await page.waitForURL(`${site.origin}/`);
    await page.locator("#grid li").nth(1).locator("button:focus").waitFor();

    await page.goForward();
    await dialogOf(page, "second.jpg").waitFor();
  }));

test("turning pages is no step: one Back is enough", () => visit({ pictures: THREE }, async (page, [first, , third]) => {
  await page.getByRole("button", { name: "first" }).click();
  const steps = await page.evaluate(() => history.length);

  await page.getByRole("button", { name: "Next picture" }).click();
  await page.keyboard.press("ArrowRight");
  await dialogOf(page, "third.jpg").waitFor();
  assert.equal(page.url(), addressOf(third));
  assert.equal(await page.evaluate(() => history.length), steps);
  await page.keyboard.press("ArrowRight");
  await page.waitForURL(addressOf(first));

  await page.goBack();
  await isClosed(page);
  await page.waitForURL(`${site.origin}/`);
}));

for (const [how, close] of Object.entries({
  "the button": (page) => page.getByRole("button", { name: "Close" }).click(),
  Escape: (page) => page.keyboard.press("Escape"),
  "a click beside it": (page) => page.locator(".stage").click({ position: { x: 2, y: 2 } }),
})) {
  test(`closing by ${how} leaves the gallery's own address, and no step behind`, () =>
    visit({ pictures: THREE }, async (page) => {
      await page.getByRole("button", { name: "first" }).click();
      await dialogOf(page, "first.jpg").waitFor();
      const steps = await page.evaluate(() => history.length);

      await close(page);
      await isClosed(page);
      await page.waitForURL(`${site.origin}/`);

      await page.getByRole("button", { name: "second" }).click();
      assert.equal(await page.evaluate(() => history.length), steps);
      await page.goBack();
      await isClosed(page);
      await page.waitForURL(`${site.origin}/`);
    }));
}

test("a link opens its picture, and closing it stays on the page", () =>
  visit({ pictures: THREE, at: ([, , { entry }]) => `#${entry.id}` }, async (page, [first, , third]) => {
    await dialogOf(page, "third.jpg").waitFor();

    await page.keyboard.press("Escape");
    await isClosed(page);
    await page.waitForURL(`${site.origin}/`);

    await page.evaluate((hash) => (location.hash = hash), first.id);
    await dialogOf(page, "first.jpg").waitFor();
    await page.evaluate((hash) => (location.hash = hash), third.id);
    await dialogOf(page, "third.jpg").waitFor();
    await page.goBack();
    await dialogOf(page, "first.jpg").waitFor();
  }));

test("a reload keeps the picture that is open, and Back still closes it", () => visit({ pictures: THREE }, async (page) => {
  await page.getByRole("button", { name: "second" }).click();

  await page.reload();
  await dialogOf(page, "second.jpg").waitFor();
  await page.keyboard.press("Escape");
  await isClosed(page);
  await page.waitForURL(`${site.origin}/`);
}));

test("an id that is not in the gallery is told, until another is opened", () =>
  visit({ pictures: THREE, at: "#nobody<b>" }, async (page) => {
    const told = page.getByRole("alert");
    await told.getByText("There is no picture nobody%3Cb%3E in this gallery.").waitFor();
    assert.equal(await page.getByRole("dialog").count(), 0);

    await page.getByRole("button", { name: "first" }).click();
    await dialogOf(page, "first.jpg").waitFor();
    await page.keyboard.press("Escape");
    await isClosed(page);
    await page.goto(`${site.origin}/#`);
    assert.equal(await told.textContent(), "");
  }));

test("the lightbox links to the original, and copies the picture's address", () =>
  visit({ pictures: THREE, permissions: ["clipboard-read", "clipboard-write"] }, async (page, [first, second]) => {
    await page.getByRole("button", { name: "first" }).click();
    await page.keyboard.press("ArrowRight");

    const original = await page.getByRole("link", { name: "Original" }).getAttribute("href");
    assert.equal(new URL(original).pathname, second.url);
    const [opened] = await Promise.all([
      page.context().waitForEvent("page"),
      page.getByRole("link", { name: "Original" }).click(),
    ]);
    await opened.waitForURL(original);
    await opened.close();

    await page.bringToFront();
    await page.getByRole("button", { name: "Copy link" }).click();
    await page.getByRole("dialog").getByRole("status").getByText("Link copied").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), addressOf(second));

    await page.getByRole("button", { name: "Previous picture" }).click();
    assert.equal(await page.locator(".note").textContent(), "", `said of ${first.name}`);
  }));

test("a browser that does not allow copying is told of, with another way", () =>
  visit({ pictures: THREE, permissions: [] }, async (page) => {
    await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    await page.getByRole("button", { name: "first" }).click();

    await page.getByRole("button", { name: "Copy link" }).click();

    await page.getByRole("dialog").getByRole("status").getByText("does not allow copying").waitFor();
  }));
