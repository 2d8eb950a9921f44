// Shows the pictures that gallery.json lists, whose bytes come from the API, of the origin in config.json.

import { openable } from "./lightbox.js";
import { element } from "./picture.js";
import { tileOf } from "./tile.js";

const status = document.querySelector("#status");
const failure = document.querySelector("#failure");
const grid = document.querySelector("#grid");
const GROUP = 40; // tiles that are laid out together once they are near: fewer things to watch than tiles

async function json(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}

async function start() {
  tell("Loading pictures…");
  failure.replaceChildren();
  try {
    const [{ api }, pictures] = await Promise.all([json("config.json"), json("gallery.json")]);
    const absolute = (image) => ({ ...image, url: new URL(image.url, api).href });
    show(pictures.map((picture) => ({ ...absolute(picture), sizes: (picture.sizes ?? []).map(absolute) })));
  } catch (error) {
    tell("");
    const again = element("button", "Try again");
    again.addEventListener("click", start);
    failure.append(element("p", `The list of pictures could not be loaded: ${error.message}.`), again);
  }
}

function show(pictures) {
  const failed = new Set();
  const count = () => {
    const shown = pictures.length === 1 ? "1 picture" : `${pictures.length || "No"} pictures`;
    tell(failed.size ? `${shown}, ${failed.size} of them could not be loaded` : shown);
  };
  const settled = (picture, isShown) => count(failed[isShown ? "delete" : "add"](picture));
  const tiles = pictures.map((picture) => tileOf(picture, settled));
  // The picture that was looked at last, not the one that was opened.
  const lightbox = openable(pictures, (index) => grid.querySelectorAll("li")[index].querySelector("button").focus());
  grid.replaceChildren();
  while (tiles.length) {
    const list = Object.assign(element("ul"), { role: "list" });
    list.style.setProperty("--count", Math.min(GROUP, tiles.length));
    list.append(...tiles.splice(0, GROUP));
    grid.append(list);
  }
  count();
  window.onpopstate = () => {
    const index = pictures.findIndex(({ id }) => location.hash === `#${id}`);
    const unknown = index < 0 && location.hash.slice(1);
    failure.replaceChildren(...unknown ? [element("p", `There is no picture ${unknown} in this gallery.`)] : []);
    if (index < 0) lightbox.hide();
    else lightbox.show(index);
  };
  window.onpopstate();
}

// Written only when it changes: screen readers speak it, and the page is laid out anew.
function tell(text) {
  if (status.textContent !== text) status.textContent = text;
}

start();
