// One dialog for all pictures; the browser keeps focus inside it, and closes it at Escape.

import { details, framed } from "./picture.js";

// How far a finger goes across, in CSS pixels, to turn to another picture.
const SWIPE = 40;

export function openable(pictures, { turnTo, closed }) {
  const dialog = document.querySelector("#lightbox");
  const part = (selector) => dialog.querySelector(selector);
  const [stage, play, note] = [".stage", ".play", ".note"].map(part);
  let current;
  let start;

  const show = (index) => {
    if (dialog.open && index === current) return;
    current = index;
    const picture = pictures[index];
    const { width, height } = picture;
    const frame = framed(picture, {
      slot: slotOf(picture),
      shown(image, toggle) {
        if (!frame.isConnected) return;
        shape(image.naturalWidth, image.naturalHeight);
        stage.removeAttribute("aria-busy");
        play.hidden = !toggle;
        play.onclick = () => (play.textContent = toggle() ? "Stop" : "Play");
      },
      failed(why) {
        if (!frame.isConnected) return;
        stage.removeAttribute("aria-busy");
        part("#details").textContent = `could not be loaded: ${why}`;
      },
    });
    const shape = (naturalWidth, naturalHeight) => {
      frame.style.setProperty("--ratio", width && height ? width / height : naturalWidth / naturalHeight);
      frame.style.setProperty("--width", `${width || naturalWidth}px`);
    };
    if (width && height) shape();
    stage.setAttribute("aria-busy", "true");
    stage.replaceChildren(frame);
    play.hidden = true;
    play.textContent = "Play";
    note.textContent = "";
    part("#title").textContent = picture.name;
    part("#details").textContent = `${details(picture)}\u00a0· ${index + 1} of ${pictures.length}`;
    part(".original").href = picture.url;
    if (!dialog.open) dialog.showModal();
  };
  const turn = (by) => turnTo((current + by + pictures.length) % pictures.length);

  part(".previous").onclick = () => turn(-1);
  part(".next").onclick = () => turn(1);
  part(".close").onclick = () => dialog.close();
  part(".copy").onclick = async () => (note.textContent = await copied(location.href));
  dialog.onkeydown = ({ key }) => {
    if (key === "ArrowLeft") turn(-1);
    if (key === "ArrowRight") turn(1);
  };
  stage.onclick = ({ target }) => {
    if (target === stage) dialog.close();
  };
  dialog.onclose = () => closed(current);
  // With two fingers, or on a page that is zoomed, a finger moves what is seen of it.
  stage.ontouchstart = ({ touches }) => {
    start = touches.length === 1 && visualViewport.scale === 1 ? touches[0] : undefined;
  };
  stage.ontouchend = ({ changedTouches: [end] }) => {
    const [across, down] = start ? [end.clientX - start.clientX, end.clientY - start.clientY] : [0, 0];
    start = undefined;
    if (Math.abs(across) > Math.max(SWIPE, 2 * Math.abs(down))) turn(across < 0 ? 1 : -1);
  };

  return { show, hide: () => dialog.close() };
}

// As wide as the stage lets it be, whose place is in gallery.css.
function slotOf({ width, height }) {
  if (!width || !height) return "100vw";
  const ratio = width / height;
  return `(max-height: 30rem) min(100vw - 15rem, 100vh * ${ratio}), min(100vw, (100vh - 13rem) * ${ratio})`;
}

async function copied(link) {
  try {
    await navigator.clipboard.writeText(link);
    return "Link copied";
  } catch {
    return "The browser does not allow copying: take the link from its address bar";
  }
}
