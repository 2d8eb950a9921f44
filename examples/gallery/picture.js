// A picture as elements, in the size that its place needs, and as words.

import { held, mayMove } from "./motion.js";

const WEBP = "image/webp";
const DOT = "\u00a0· ";
const LIGHT = 200e3; // bytes: up to so many, a tile takes the original as if it were one more size

// A `<picture>`; `slot` says as `sizes` how wide it is shown. Unless it is gone by then, `shown` gets its
// `<img>` and, where that is held still, what plays it; `failed` gets the reason.
export function framed(picture, { slot, isTile, shown, failed }) {
  const [frame, image] = [element("picture"), element("img")];
  const { plain, modern } = candidates(picture, isTile);
  if (plain && plain !== modern) {
    frame.append(Object.assign(element("source"), { type: WEBP, sizes: slot, srcset: modern }));
  }
  frame.append(image);
  if (picture.width && picture.height) Object.assign(image, { width: picture.width, height: picture.height });
  if (picture.placeholder?.startsWith("data:image/")) image.style.backgroundImage = `url(${JSON.stringify(picture.placeholder)})`;
  image.addEventListener("load", async () => {
    // Until it can be painted, the placeholder stays; of originals in tiles, many would be decoded unseen.
    if (modern || !isTile) await image.decode().catch(() => {});
    image.style.backgroundImage = "";
    const toggle = await held(image, picture);
    if (image.isConnected) shown(image, toggle);
  }, { once: true });
  image.addEventListener("error", async () => {
    const why = await reason(image.currentSrc);
    if (image.isConnected) failed(why);
  });
  image.alt = picture.name.replace(/\.\w+$/, "").replace(/[-_]+/g, " ");
  image.decoding = "async";
  if (isTile) image.loading = "lazy";
  // What moves is looked into before it is shown to who asks for less motion.
  if (mayMove(picture)) image.crossOrigin = "anonymous";
  if (modern) Object.assign(image, { sizes: slot, srcset: plain || modern });
  image.src = picture.url;
  return frame;
}

// Two `srcset`s: one of what every browser shows, one with a WebP in its place where there is one.
function candidates({ sizes, ...original }, isTile) {
  const isOne = original.width && /jpeg|png|webp/.test(original.mime_type) && !(isTile && original.size_bytes > LIGHT);
  const all = sizes.length && isOne ? [...sizes, original] : sizes;
  const plain = all.filter(({ mime_type }) => mime_type !== WEBP);
  return { plain: srcset(plain), modern: srcset([...plain, ...all.filter((image) => !plain.includes(image))]) };
}

// Of several of one width the last.
function srcset(images) {
  const byWidth = new Map(images.map(({ width, url }) => [width, url]));
  return [...byWidth].map(([width, url]) => `${url} ${width}w`).join(", ");
}

// An <img> does not tell why it failed; the API does, to pages that it lets read its answers.
async function reason(url) {
  try {
    const response = await fetch(url);
    if (!response.ok) return (await response.json()).detail;
    await response.body.cancel();
    return "its bytes are not a whole picture";
  } catch {
    return "the API does not answer";
  }
}

export function details({ mime_type, width, height, size_bytes }) {
  const type = mime_type.replace(/^image\/|\+xml$/g, "").toUpperCase();
  const size = size_bytes < 1e6 ? `${Math.ceil(size_bytes / 1e3)}\u00a0kB` : `${(size_bytes / 1e6).toFixed(1)}\u00a0MB`;
  return [type, width && height && `${width}\u00a0×\u00a0${height}`, size].filter(Boolean).join(DOT);
}

export function element(name, text = "") {
  return Object.assign(document.createElement(name), { textContent: text });
}
