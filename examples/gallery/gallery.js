// Shows the pictures that gallery.json lists. Their bytes come from the API, whose origin
// config.json names: it is not this page's origin.

const status = document.querySelector("#status");
const failure = document.querySelector("#failure");
const grid = document.querySelector("#grid");
const tile = document.querySelector("#tile");
const DOT = "\u00a0· ";

async function json(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}

async function start() {
  status.textContent = "Loading pictures…";
  failure.replaceChildren();
  try {
    const [{ api }, pictures] = await Promise.all([json("config.json"), json("gallery.json")]);
    show(pictures.map((picture) => ({ ...picture, url: new URL(picture.url, api).href })));
  } catch (error) {
    status.textContent = "";
    const again = element("button", "Try again");
    again.addEventListener("click", start);
    failure.append(element("p", `The list of pictures could not be loaded: ${error.message}.`), again);
  }
}

function show(pictures) {
  const lightbox = openable(pictures);
  grid.replaceChildren(...pictures.map((picture, index) => tileOf(picture, () => lightbox.open(index))));
  tell(pictures.length);
}

function tell(total) {
  const failed = grid.querySelectorAll(".problem").length;
  const shown = total === 1 ? "1 picture" : `${total || "No"} pictures`;
  status.textContent = failed ? `${shown}, ${failed} of them could not be loaded` : shown;
}

function tileOf(picture, open) {
  const item = tile.content.cloneNode(true).firstElementChild;
  const [button, image] = [item.querySelector("button"), item.querySelector("img")];
  const shape = (width, height) => item.style.setProperty("--ratio", width / height);

  item.querySelector("b").textContent = picture.name;
  item.querySelector("span").textContent = details(picture);
  if (picture.width && picture.height) shape(picture.width, picture.height);

  const load = () => {
    button.setAttribute("aria-busy", "true");
    button.replaceChildren(image);
    button.onclick = open;
    image.src = picture.url;
  };
  image.alt = spoken(picture);
  image.addEventListener("load", () => {
    button.removeAttribute("aria-busy");
    shape(image.naturalWidth, image.naturalHeight);
    tell(grid.children.length);
  });
  image.addEventListener("error", async () => {
    const problem = element("span", `${picture.name} could not be loaded: ${await reason(picture.url)}.`);
    problem.className = "problem";
    problem.append(element("u", "Try again"));
    button.removeAttribute("aria-busy");
    button.replaceChildren(problem);
    button.onclick = load;
    tell(grid.children.length);
  });
  load();
  return item;
}

// One dialog for all pictures; the browser keeps focus inside it, and closes it at Escape.
function openable(pictures) {
  const dialog = document.querySelector("#lightbox");
  const [stage, image] = [dialog.querySelector(".stage"), dialog.querySelector("img")];
  let current = 0;

  const turnTo = (index) => {
    current = (index + pictures.length) % pictures.length;
    const picture = pictures[current];
    stage.setAttribute("aria-busy", "true");
    image.alt = spoken(picture);
    image.src = picture.url;
    dialog.querySelector("#title").textContent = picture.name;
    dialog.querySelector("#details").textContent =
      `${details(picture)}${DOT}${current + 1} of ${pictures.length}`;
  };
  image.onload = () => stage.removeAttribute("aria-busy");
  image.onerror = async () => {
    const failed = current;
    const why = await reason(image.src);
    if (failed !== current) return;
    stage.removeAttribute("aria-busy");
    dialog.querySelector("#details").textContent = `could not be loaded: ${why}`;
  };
  dialog.querySelector(".previous").onclick = () => turnTo(current - 1);
  dialog.querySelector(".next").onclick = () => turnTo(current + 1);
  dialog.querySelector(".close").onclick = () => dialog.close();
  dialog.onkeydown = ({ key }) => {
    if (key === "ArrowLeft") turnTo(current - 1);
    if (key === "ArrowRight") turnTo(current + 1);
  };
  dialog.onclick = ({ target }) => target === stage && dialog.close();
  // The picture that was looked at last, not the one that was opened.
  dialog.onclose = () => grid.children[current].querySelector("button").focus();

  return { open: (index) => (turnTo(index), dialog.showModal()) };
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

function spoken({ name }) {
  return name.replace(/\.\w+$/, "").replace(/[-_]+/g, " ");
}

function details({ mime_type, width, height, size_bytes }) {
  const type = mime_type.replace(/^image\/|\+xml$/g, "").toUpperCase();
  const size = size_bytes < 1e6 ? `${Math.ceil(size_bytes / 1e3)} kB` : `${(size_bytes / 1e6).toFixed(1)} MB`;
  return [type, width && height && `${width} × ${height}`, size].filter(Boolean).join(DOT);
}

function element(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}

start();
