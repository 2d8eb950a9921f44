// A tile of the grid: a picture that opens, or why it is missing and a way to try again.

import { open } from "./address.js";
import { details, element, framed } from "./picture.js";

const tile = document.querySelector("#tile");
// Not `auto`: a browser may choose for the whole window before a tile is laid out, and then once more.
const slotOf = ({ width, height }) => `(max-width: 36rem) 92vw, ${Math.round((width && height ? width / height : 1.5) * 18)}rem`;
const [TALLEST, WIDEST] = [0.6, 3]; // the shapes of tiles, in which pictures of other shapes are whole
const SMALL = 160; // CSS pixels: what is smaller is not blown up to the size of its tile

/** `settled` is told of each end of loading, and whether the picture is shown. */
export function tileOf(picture, settled) {
  const item = tile.content.cloneNode(true).firstElementChild;
  const button = item.querySelector("button");
  const shape = (width, height) => {
    item.style.setProperty("--ratio", Math.min(Math.max(width / height, TALLEST), WIDEST));
    item.classList.toggle("narrow", width / height < 1.2);
    item.classList.toggle("small", Math.max(width, height) < SMALL);
  };
  item.querySelector("b").textContent = picture.name;
  item.querySelector("span").textContent = details(picture);
  if (picture.width && picture.height) shape(picture.width, picture.height);

  const shown = (image) => {
    if (!picture.width || !picture.height) shape(image.naturalWidth, image.naturalHeight);
    button.removeAttribute("aria-busy");
    settled(picture, true);
  };
  const failed = (why) => {
    const problem = Object.assign(element("span", `${picture.name} could not be loaded: ${why}.`), { className: "problem" });
    problem.append(element("u", "Try again"));
    button.removeAttribute("aria-busy");
    button.replaceChildren(problem);
    button.onclick = load;
    settled(picture, false);
  };
  const load = () => {
    button.setAttribute("aria-busy", "true");
    button.replaceChildren(framed(picture, { slot: slotOf(picture), isTile: true, shown, failed }));
    button.onclick = () => open(picture);
  };
  load();
  return item;
}
