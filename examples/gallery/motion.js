// Who asks for less motion sees the first frame of what moves, until they press Play.

const less = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether it has to be looked into. An animation is served as it came, without other sizes. */
export function mayMove({ mime_type, sizes }) {
  return less.matches && !sizes.length && /gif|webp|png|avif/.test(mime_type);
}

/** Holds a loaded `<img>` still if it moves. The answer then plays or stops it, and says whether it plays. */
export async function held(image, picture) {
  if (!mayMove(picture) || !(await moves(picture).catch(() => false))) return undefined;
  const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
  // Of an animation, a canvas takes the first frame, whichever is on show.
  canvas.getContext("2d").drawImage(image, 0, 0);
  const still = canvas.toDataURL();
  image.src = still;
  let isPlaying = false;
  return () => {
    image.src = isPlaying ? still : picture.url;
    return (isPlaying = !isPlaying);
  };
}

// Where the browser cannot count frames, a GIF is one that moves.
async function moves({ url, mime_type: type }) {
  if (!window.ImageDecoder) return type === "image/gif";
  const decoder = new ImageDecoder({ type, data: (await fetch(url)).body });
  const isAnimated = decoder.tracks.ready.then(() => decoder.tracks.selectedTrack.animated);
  return isAnimated.finally(() => decoder.close());
}
