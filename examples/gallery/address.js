// Each picture has an address, `#id`. Opening one is a step that Back takes back; turning to the next
// is none. What is shown follows the address, never the other way round.

export function addressed(pictures, { show, hide, unknown }) {
  const hashOf = (index) => `#${pictures[index].id}`;
  const follow = () => {
    const index = pictures.findIndex(({ id }) => location.hash === `#${id}`);
    if (index < 0) hide();
    else show(index);
    unknown(index < 0 && location.hash.slice(1));
  };
  window.onpopstate = follow;

  return {
    follow,
    open(index) {
      history.pushState({ isOpened: true }, "", hashOf(index));
      follow();
    },
    turnTo(index) {
      history.replaceState(history.state, "", hashOf(index));
      follow();
    },
    // Who came by a link has no step of this page to take back.
    leave(index) {
      if (location.hash !== hashOf(index)) return;
      if (history.state?.isOpened) return void history.back();
      history.replaceState(null, "", location.pathname + location.search);
    },
  };
}
