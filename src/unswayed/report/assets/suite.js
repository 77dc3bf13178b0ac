// The same question, answered by every model of a suite. Model text is only ever written with textContent.
(() => {
  const { by, letter, el, add, segments, picture, remember, start } = parts;
  const card = by("card");
  if (!card) { document.documentElement.dataset.ready = "0"; return; }
  const { items, images, patterns } = JSON.parse(by("data").textContent);
  const selects = [...document.querySelectorAll("[data-filter]")];
  let shown = items, at = 0;

  function options(t) {
    const list = el("ul", "options");
    t.options.forEach((text, i) => {
      const tags = [[t.gold, "right"], [t.cue, "asserted by the cue"]].filter(([w]) => w === i).map(([, x]) => x).join(" · ");
      add(list, add(el("li"), el("span", "", letter(i)), el("bdi", "", text), tags ? el("span", "tags", tags) : null));
    });
    return list;
  }

  function answer(a) {
    const head = add(el("div", "head"), add(el("b"), el("bdi", "", a.model)));
    if (a.state !== "ok") add(head, el("span", "chip bad", a.state));
    else add(head, el("span", a.correct ? "chip good" : "chip bad", `answers ${letter(a.answer) || "nothing"}${a.correct ? ", right" : ", wrong"}`));
    if (a.followed) add(head, el("span", "chip bad", "answers the cue's option"));
    if (a.consistent !== null) add(head, el("span", a.consistent ? "chip good" : "chip bad", a.consistent ? "thought agrees" : "thought disagrees"));
    if (a.under) add(head, el("span", a.under === "revises" ? "chip good" : "chip bad", a.under));
    if (a.p !== null) add(head, el("span", "", `P(right) ${a.p.toFixed(2)}`));
    const message = el("p", "message model");
    if (a.prefill.length) add(message, segments(el("span", "prefill"), a.prefill));
    return add(el("li"), head, add(message, el("span", "", a.text)));
  }

  function draw() {
    by("count").textContent = shown.length ? `${at + 1} of ${shown.length}` : "none";
    by("previous").disabled = at <= 0;
    by("next").disabled = at >= shown.length - 1;
    card.replaceChildren();
    const t = shown[at];
    if (!t) { add(card, el("p", "note", "No question fits these filters.")); return; }
    card.dataset.uid = t.uid;
    card.dataset.condition = t.condition;
    const top = add(el("div", "top"), el("bdi", "name", t.condition), el("span", "chip", patterns[t.pattern]), el("bdi", "", [t.benchmark, t.uid].join(" · ")));
    const side = el("div", "side");
    for (const sha of t.images) add(side, picture(images, sha));
    add(side, options(t));
    const talk = add(el("div", "talk"), el("p", "role", "User turn"), segments(el("p", "message user"), t.prompt));
    const list = el("ol", "answers");
    for (const a of t.answers) add(list, answer(a));
    add(card, top, side, add(talk, el("p", "role", `Answers of ${t.answers.length} models`), list));
  }

  function matches(t, name, value) {
    return !value || (name === "wrong" ? t.answers.some((a) => a.model === value && a.correct === false) : t[name] === value);
  }

  function filter() {
    shown = items.filter((t) => selects.every((s) => matches(t, s.dataset.filter, s.value)));
    at = 0;
  }

  function note() {
    const state = new URLSearchParams();
    for (const s of selects) if (s.value) state.set(s.dataset.filter, s.value);
    if (at) state.set("i", String(at + 1));
    remember(state);
  }

  // An address such as #condition=wrong-think&wrong=MODEL&i=3 opens the page there.
  function recall(state) {
    for (const s of selects) {
      const wanted = state.get(s.dataset.filter) || "";
      s.value = [...s.options].some((o) => o.value === wanted) ? wanted : "";
    }
    filter();
    at = Math.min(Math.max(0, (parseInt(state.get("i"), 10) || 1) - 1), Math.max(0, shown.length - 1));
  }

  function step(by_) {
    const next = at + by_;
    if (next < 0 || next >= shown.length) return;
    at = next;
    draw();
    note();
  }

  for (const s of selects) s.addEventListener("change", () => { filter(); draw(); note(); });
  start({ step, draw, recall, section: "examples" });
})();
