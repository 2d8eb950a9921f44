// Each picture has an address, `#id`. Opening one is a step that Back takes back; turning to the next
// is none. What is shown follows the address, never the other way round: see `popstate` in gallery.js.

export function open({ id }) {
  history.pushState({ isOpened: true }, "", `#${id}`);
  dispatchEvent(new PopStateEvent("popstate"));
}

export function turnTo({ id }) {
  history.replaceState(history.state, "", `#${id}`);
  dispatchEvent(new PopStateEvent("popstate"));
}

// Who came by a link has no step of this page to take back.
export function leave({ id }) {
  if (location.hash !== `#${id}`) return;
  if (history.state?.isOpened) history.back();
  else history.replaceState(null, "", location.pathname + location.search);
}
