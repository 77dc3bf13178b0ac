// Shared parts of the example browsers. Model text is only ever written with textContent.
const parts = (() => {
  const by = (id) => document.getElementById(id);
  const letter = (i) => (i === null || i === undefined ? null : `(${String.fromCharCode(65 + i)})`);

  function el(name, className, text) {
    const e = document.createElement(name);
    if (className) e.className = className;
    if (text !== undefined && text !== null) e.textContent = text;
    return e;
  }

  function add(parent, ...children) {
    for (const c of children) if (c) parent.append(c);
    return parent;
  }

  // A text in segments, those of the cue marked.
  function segments(parent, pieces) {
    for (const [text, cued] of pieces) parent.append(el(cued ? "mark" : "span", "", text));
    return parent;
  }

  function picture(images, sha) {
    if (!Object.hasOwn(images, sha)) return el("p", "missing", "The picture is not in this page.");
    const img = el("img");
    img.alt = "The picture of the question";
    img.addEventListener("load", () => {
      const wide = img.naturalWidth;
      if (wide && wide <= 160) {
        img.className = "tiny";
        img.style.width = `${Math.max(1, Math.floor(260 / wide)) * wide}px`;
      }
    });
    img.src = images[sha];
    return img;
  }

  // The fragment of the page's address holds the filters and the example shown.
  function remember(state) {
    try { history.replaceState(null, "", `#${state}`); } catch { /* a frame without an address */ }
  }

  // Connects buttons, arrow keys and the address; `recall` restores the state of the address.
  function start({ step, draw, recall, section }) {
    const recalled = () => location.hash.includes("=") && (recall(new URLSearchParams(location.hash.slice(1))), true);
    by("previous").addEventListener("click", () => step(-1));
    by("next").addEventListener("click", () => step(1));
    addEventListener("hashchange", () => { if (recalled()) draw(); });
    addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      if (event.target.closest && event.target.closest("select, input, textarea, .scroll")) return;
      const move = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[event.key];
      if (move) { event.preventDefault(); step(move); }
    });
    by("browser").hidden = false;
    const linked = recalled();
    draw();
    if (linked) by(section).scrollIntoView();
    document.documentElement.dataset.ready = "1";
  }

  // Walks through the items that match all filters, one at a time. `matches(item, filter, value)`; `show(item, reveal)`
  // fills the card; `reveal(other)` goes to another item and drops the filters in its way; `none`: the words for no item.
  // An address such as #condition=wrong-think&i=3 opens the page there.
  function browse({ items, card, section, matches, show, none }) {
    const selects = [...document.querySelectorAll("select[data-filter]")];
    let shown = items;
    let at = 0;

    function draw() {
      by("count").textContent = shown.length ? `${at + 1} of ${shown.length}` : "none";
      by("previous").disabled = at <= 0;
      by("next").disabled = at >= shown.length - 1;
      card.replaceChildren();
      if (shown[at]) show(shown[at], reveal);
      else add(card, el("p", "note", none));
    }

    function filter() {
      shown = items.filter((t) => selects.every((s) => !s.value || matches(t, s.dataset.filter, s.value)));
      at = 0;
    }

    function note() {
      const state = new URLSearchParams();
      for (const s of selects) if (s.value) state.set(s.dataset.filter, s.value);
      if (at) state.set("i", String(at + 1));
      remember(state);
    }

    function recall(state) {
      for (const s of selects) {
        const wanted = state.get(s.dataset.filter) || "";
        s.value = [...s.options].some((o) => o.value === wanted) ? wanted : "";
      }
      filter();
      at = Math.min(Math.max(0, (parseInt(state.get("i"), 10) || 1) - 1), Math.max(0, shown.length - 1));
    }

    function step(move) {
      const next = at + move;
      if (next < 0 || next >= shown.length) return;
      at = next;
      draw();
      note();
    }

    function reveal(item) {
      for (const s of selects) if (s.value && !matches(item, s.dataset.filter, s.value)) s.value = "";
      filter();
      at = shown.indexOf(item);
      draw();
      note();
      card.focus({ preventScroll: true });
    }

    for (const s of selects) s.addEventListener("change", () => { filter(); draw(); note(); });
    start({ step, draw, recall, section });
  }

  return { by, letter, el, add, segments, picture, remember, start, browse };
})();
