"use strict";
// The same question through training. Model text is only ever written with textContent.
(() => {
  const root = document.documentElement;
  const by = (id) => document.getElementById(id);
  const card = by("card");
  if (!card) { root.dataset.ready = "0"; return; }
  const { asked, images } = JSON.parse(by("data").textContent);
  const letter = (i) => (i === null || i === undefined ? null : `(${String.fromCharCode(65 + i)})`);
  const names = ["question", "condition", "arm", "seed"];
  const select = Object.fromEntries(names.map((n) => [n, by(`r-${n}`)]));
  const key = (a) => JSON.stringify([a.benchmark, a.uid]);

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

  function segments(parent, pieces) {
    for (const [text, cued] of pieces) parent.append(el(cued ? "mark" : "span", "", text));
    return parent;
  }

  // Options of one select, its choice kept where it is still there.
  function offer(s, values, words) {
    const before = s.value;
    s.replaceChildren();
    values.forEach((v, i) => { const o = el("option", "", words ? words[i] : v); o.value = v; s.append(o); });
    s.value = values.includes(before) ? before : values[0] ?? "";
  }

  const unique = (list) => [...new Set(list)];
  const now = () => asked.find((a) => key(a) === select.question.value && a.condition === select.condition.value);

  function fill() {
    offer(select.condition, unique(asked.filter((a) => key(a) === select.question.value).map((a) => a.condition)));
    const a = now();
    offer(select.arm, unique(a.said.map((s) => s.arm)));
    offer(select.seed, unique(a.said.filter((s) => s.arm === select.arm.value).map((s) => String(s.seed))));
  }

  function picture(sha) {
    if (!Object.hasOwn(images, sha)) return el("p", "missing", "The picture is not in this page.");
    const img = el("img");
    img.alt = "The picture of the question";
    img.addEventListener("load", () => {
      const wide = img.naturalWidth;
      if (wide && wide <= 160) { img.className = "tiny"; img.style.width = `${Math.max(1, Math.floor(260 / wide)) * wide}px`; }
    });
    img.src = images[sha];
    return img;
  }

  function options(a) {
    const list = el("ul", "options");
    a.options.forEach((text, i) => {
      const tags = [[a.gold, "right"], [a.cue, "what the cue says"]].filter(([w]) => w === i).map(([, t]) => t).join(" · ");
      add(list, add(el("li"), el("span", "", letter(i)), el("bdi", "", text), tags ? el("span", "tags", tags) : null));
    });
    return list;
  }

  function turn(a, s, before) {
    const head = add(el("div", "head"), el("b", "", `step ${s.step.toLocaleString("en")}`));
    if (s.state !== "ok") add(head, el("span", "chip bad", s.state));
    else add(head, el("span", s.correct ? "chip good" : "chip bad", `answers ${letter(s.answer) || "nothing"}${s.correct ? ", right" : ", wrong"}`));
    if (s.consistent !== null) add(head, el("span", s.consistent ? "chip good" : "chip bad", s.consistent ? "thought agrees" : "thought disagrees"));
    if (s.under) add(head, el("span", s.under === "revises" ? "chip good" : "chip bad", s.under));
    if (s.p !== null) add(head, el("span", "", `P(right) ${s.p.toFixed(2)}`));
    if (s.h !== null) add(head, el("span", "", `H ${s.h.toFixed(2)} nats`));
    const item = add(el("li"), head);
    if (before && before.text === s.text) return add(item, el("p", "same", "Word for word as at the audit before."));
    const said = el("p", "said model");
    if (a.prefill.length) add(said, segments(el("span", "prefill"), a.prefill));
    return add(item, add(said, el("span", "", s.text)));
  }

  function draw() {
    const a = now();
    const all = unique(asked.map(key));
    const at = all.indexOf(select.question.value);
    by("count").textContent = `question ${at + 1} of ${all.length}`;
    by("previous").disabled = at <= 0;
    by("next").disabled = at >= all.length - 1;
    card.replaceChildren();
    card.dataset.condition = a.condition;
    card.dataset.uid = a.uid;
    const top = add(el("div", "top"), el("bdi", "name", a.condition), el("bdi", "", [a.benchmark, a.uid].join(" · ")));
    const side = el("div", "side");
    if (a.images.length) for (const sha of a.images) add(side, picture(sha));
    add(side, options(a));
    const talk = add(el("div", "talk"), el("p", "role", "User, exactly"), segments(el("p", "said user"), a.prompt));
    add(talk, el("p", "role", "Model, audit by audit"));
    const list = el("ol", "through");
    const said = a.said.filter((s) => s.arm === select.arm.value && String(s.seed) === select.seed.value);
    said.forEach((s, i) => add(list, turn(a, s, said[i - 1])));
    add(card, top, side, add(talk, list));
  }

  function change() { fill(); draw(); remember(); }

  // An address such as #q=1&condition=wrong-think&arm=grpo&seed=0 opens the page there.
  function remember() {
    const state = new URLSearchParams(names.map((n) => [n, select[n].value]));
    try { history.replaceState(null, "", `#${state}`); } catch { /* a frame without an address */ }
  }

  function recall() {
    if (!location.hash.includes("=")) return false;
    const state = new URLSearchParams(location.hash.slice(1));
    for (const n of names) {
      const wanted = state.get(n);
      if ([...select[n].options].some((o) => o.value === wanted)) select[n].value = wanted;
      fill();
    }
    return true;
  }

  function step(by_) {
    const all = unique(asked.map(key));
    const next = all.indexOf(select.question.value) + by_;
    if (next < 0 || next >= all.length) return;
    select.question.value = all[next];
    change();
  }

  const questions = unique(asked.map(key));
  offer(select.question, questions, questions.map((k) => {
    const a = asked.find((one) => key(one) === k);
    return `${a.uid}: ${a.question}`.slice(0, 90);
  }));
  fill();
  for (const n of names) select[n].addEventListener("change", change);
  by("previous").addEventListener("click", () => step(-1));
  by("next").addEventListener("click", () => step(1));
  addEventListener("hashchange", () => { if (recall()) draw(); });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.target.closest && event.target.closest("select, input, textarea, .scroll")) return;
    const move = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[event.key];
    if (move) { event.preventDefault(); step(move); }
  });
  by("browser").hidden = false;
  const linked = recall();
  draw();
  if (linked) by("rollouts").scrollIntoView();
  root.dataset.ready = "1";
})();
