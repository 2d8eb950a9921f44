// One dialog for all pictures; the browser keeps focus inside it, and closes it at Escape.

import { leave, turnTo } from "./address.js";
import { details, framed } from "./picture.js";

const SWIPE = 40; // CSS pixels that a finger goes across to turn to another picture
const REFUSED = "The browser does not allow copying: take the link from its address bar";

export function openable(pictures, closed) {
  const dialog = document.querySelector("#lightbox");
  const part = (selector) => dialog.querySelector(selector);
  const [stage, play, note] = [".stage", ".play", ".note"].map(part);
  let [current, start] = [];

  const show = (index) => {
    if (dialog.open && index === current) return;
    current = index;
    const picture = pictures[index];
    const { width, height } = picture;
    const frame = framed(picture, {
      slot: slotOf(picture),
      shown(image, toggle) {
        shape(image.naturalWidth, image.naturalHeight);
        stage.removeAttribute("aria-busy");
        play.hidden = !toggle;
        play.onclick = () => (play.textContent = toggle() ? "Stop" : "Play");
      },
      failed(why) {
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
  const turn = (by) => turnTo(pictures[(current + by + pictures.length) % pictures.length]);
  part(".previous").onclick = () => turn(-1);
  part(".next").onclick = () => turn(1);
  part(".close").onclick = () => dialog.close();
  part(".copy").onclick = async () => (note.textContent = await copy(location.href).then(() => "Link copied", () => REFUSED));
  dialog.onkeydown = ({ key }) => {
    if (key === "ArrowLeft") turn(-1);
    if (key === "ArrowRight") turn(1);
  };
  stage.onclick = ({ target }) => void (target === stage && dialog.close());
  dialog.onclose = () => {
    closed(current);
    leave(pictures[current]);
  };
  // With two fingers, or on a page that is zoomed, a finger moves what is seen of it.
  stage.ontouchstart = ({ touches: [touch, other] }) => void (start = !other && visualViewport.scale === 1 && touch);
  stage.ontouchend = ({ changedTouches: [end] }) => {
    if (!start) return;
    const [across, down] = [end.clientX - start.clientX, end.clientY - start.clientY];
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

// Where a page came without TLS, a browser has no clipboard for it.
const copy = async (link) => navigator.clipboard.writeText(link);
