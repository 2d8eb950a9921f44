// Shows the pictures that gallery.json lists. Their bytes come from the API, whose origin
// config.json names: it is not this page's origin.

import { addressed } from "./address.js";
import { openable } from "./lightbox.js";
import { element } from "./picture.js";
import { tileOf } from "./tile.js";

const status = document.querySelector("#status");
const failure = document.querySelector("#failure");
const grid = document.querySelector("#grid");
// So many tiles are laid out together, once they are near: a browser keeps watch over groups, not tiles.
const GROUP = 40;

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
  const settled = (picture, isShown) => {
    failed[isShown ? "delete" : "add"](picture);
    count();
  };
  const lightbox = openable(pictures, {
    turnTo: (index) => address.turnTo(index),
    closed(index) {
      // The picture that was looked at last, not the one that was opened.
      grid.querySelectorAll("li")[index].querySelector("button").focus();
      address.leave(index);
    },
  });
  const address = addressed(pictures, {
    ...lightbox,
    unknown: (id) => failure.replaceChildren(...id ? [element("p", `There is no picture ${id} in this gallery.`)] : []),
  });
  const tiles = pictures.map((picture, index) => tileOf(picture, () => address.open(index), settled));
  grid.replaceChildren();
  while (tiles.length) grid.append(listOf(tiles.splice(0, GROUP)));
  count();
  address.follow();
}

function listOf(tiles) {
  const list = Object.assign(element("ul"), { role: "list" });
  list.style.setProperty("--count", tiles.length);
  list.append(...tiles);
  return list;
}

// Written only when it changes: screen readers speak it, and the page is laid out anew.
function tell(text) {
  if (status.textContent !== text) status.textContent = text;
}

start();
