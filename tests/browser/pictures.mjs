// Pictures that tests make up, as the importer would list them, drawn by the browser itself.

export const [JPEG, PNG, WEBP] = ["image/jpeg", "image/png", "image/webp"];
/** 48 × 32 pixels, red and blue in turn, each for a tenth of a second. */
export const MOVING = {
  "image/gif": "R0lGODlhMAAgAIEAANweHh4e3AAAAAAAACH/C05FVFNDQVBFMi4wAwEAAAAh+QQACgAAACwAAAAAMAAgAAAIQQABCBxIsKDBgwgTKlzIsKHDhxAjSpxIsaLFixgzatzIsaPHjyBDihxJsqTJkyhTqlzJsqXLlzBjypxJs6bNmQEBACH5BAEKAAEALAAAAAAwACAAgR4e3AAAAAAAAAAAAAhBAAEIHEiwoMGDCBMqXMiwocOHECNKnEixosWLGDNq3Mixo8ePIEOKHEmypMmTKFOqXMmypcuXMGPKnEmzps2ZAQEAOw==",
  "image/webp": "UklGRogAAABXRUJQVlA4WAoAAAACAAAALwAAHwAAQU5JTQYAAAAAAAAAAABBTk1GKgAAAAAAAAAAAC8AAB8AAGQAAAJWUDhMEQAAAC8vwAcAB1CPctej/4GI6H8AAEFOTUYqAAAAAAAAAAAALwAAHwAAZAAAAFZQOEwRAAAALy/ABwAHUI96lLv/gYjofwAA",
};

let drawn = 0;

/**
 * Draws pictures in `page`. Each is `{ entry, files }`: what gallery.json says of it, and of each file its
 * path, type and bytes. `sizes` are pairs of width and type; `size_bytes` is told in place of what it is.
 */
export async function draw(page, wanted) {
  const pictures = [];
  for (const picture of wanted) pictures.push(await drawOne(page, picture));
  return pictures;
}

/** A picture that is `bytes`, of which the list says what `told` does. */
export function pictureOf(bytes, told) {
  const { url, ...known } = { ...at(), name: "made up.png", mime_type: PNG, width: null, height: null, ...told };
  const entry = { ...known, url, size_bytes: bytes.length };
  return { entry, files: [[url, { type: entry.mime_type, bytes }]] };
}

/** The same picture under another id, and other addresses of its files. */
export function copyOf({ entry, files }) {
  const moved = at();
  const paths = new Map(files.map(([path]) => [path, `${moved.url}/${path.split("/").pop()}`]));
  const sizes = entry.sizes.map((size) => ({ ...size, url: paths.get(size.url) }));
  return {
    entry: { ...entry, ...moved, url: paths.get(entry.url), sizes },
    files: files.map(([path, body]) => [paths.get(path), body]),
  };
}

function at() {
  const id = `00000000-0000-4000-8000-${String((drawn += 1)).padStart(12, "0")}`;
  return { id, url: `/api/v1/images/${id}/file` };
}

async function drawOne(page, { name, width, height, type = JPEG, sizes = [], hasPlaceholder = false, size_bytes }) {
  const hue = (drawn * 47) % 360;
  const encoded = (width, height, type) => page.evaluate(paint, { width, height, type, hue });
  const picture = pictureOf(Buffer.from(await encoded(width, height, type), "base64"), { name, mime_type: type, width, height });
  picture.entry.sizes = [];
  picture.entry.size_bytes = size_bytes ?? picture.entry.size_bytes;
  for (const [narrower, type] of sizes) {
    const lower = Math.round((height * narrower) / width);
    const bytes = Buffer.from(await encoded(narrower, lower, type), "base64");
    const { id, url } = at();
    picture.entry.sizes.push({ id, url, mime_type: type, size_bytes: bytes.length, width: narrower, height: lower });
    picture.files.push([url, { type, bytes }]);
  }
  const scale = 16 / Math.max(width, height);
  if (hasPlaceholder) {
    const tiny = await encoded(Math.ceil(width * scale), Math.ceil(height * scale), WEBP);
    picture.entry.placeholder = `data:${WEBP};base64,${tiny}`;
  }
  return picture;
}

// In the page: hills before an evening sky, as base64.
async function paint({ width, height, type, hue }) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const sky = context.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, `hsl(${hue} 60% 35%)`);
  sky.addColorStop(1, `hsl(${hue + 40} 80% 75%)`);
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  for (let hill = 0; hill < 4; hill += 1) {
    context.fillStyle = `hsl(${hue + 20 * hill} 40% ${45 - 10 * hill}%)`;
    context.beginPath();
    context.ellipse(width * (0.2 + 0.27 * hill), height * 1.05, width * 0.4, height * (0.55 - 0.08 * hill), 0, 0, 2 * Math.PI);
    context.fill();
  }
  const bytes = new Uint8Array(await (await canvas.convertToBlob({ type, quality: 0.8 })).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
