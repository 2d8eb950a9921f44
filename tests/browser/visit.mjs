// A browser and a site for the tests of one file.

import { after, before } from "node:test";
import { inNewPage, launch } from "./chromium.mjs";
import { draw } from "./pictures.mjs";
import { startSite } from "./site.mjs";

export let site;
let browser;

before(async () => {
  site = await startSite();
  browser = await launch();
});
after(async () => {
  await browser.close();
  await site.stop();
});

/** Has the site list these pictures, made up or to be drawn, and opens it at an address. */
export function visit({ pictures = [], at = "", ready = arePicturesShown, ...options }, use) {
  return inNewPage(browser, options, async (page) => {
    const listed = [];
    for (const picture of pictures) listed.push(...(picture.entry ? [picture] : await draw(page, [picture])));
    await site.list(listed);
    await page.goto(`${site.origin}/${typeof at === "function" ? at(listed) : at}`);
    await ready(page, listed.length);
    await use(page, listed.map(({ entry }) => entry));
  });
}

/** Every tile shows its picture, or says why not. */
export async function arePicturesShown(page, count) {
  await page.waitForFunction(
    (count) => document.querySelectorAll("#grid button:not([aria-busy])").length === count,
    count,
  );
}
