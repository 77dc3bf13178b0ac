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

  return { by, letter, el, add, segments, picture, remember, start };
})();
