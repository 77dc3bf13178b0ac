"use strict";
// The same questions at every audit of a training. Model text is only ever written with textContent.
(() => {
  const { by, letter, el, add, segments, picture, remember, start } = parts;
  const card = by("card");
  if (!card) { document.documentElement.dataset.ready = "0"; return; }
  const { items, images } = JSON.parse(by("data").textContent);
  const names = ["question", "condition", "arm", "seed"];
  const select = Object.fromEntries(names.map((n) => [n, by(`r-${n}`)]));
  const key = (a) => JSON.stringify([a.benchmark, a.uid]);

  // Options of one select, its choice kept where it is still there.
  function offer(s, values, words) {
    const before = s.value;
    s.replaceChildren();
    values.forEach((v, i) => { const o = el("option", "", words ? words[i] : v); o.value = v; s.append(o); });
    s.value = values.includes(before) ? before : values[0] ?? "";
  }

  const unique = (list) => [...new Set(list)];
  const now = () => items.find((a) => key(a) === select.question.value && a.condition === select.condition.value);

  function fill() {
    offer(select.condition, unique(items.filter((a) => key(a) === select.question.value).map((a) => a.condition)));
    const a = now();
    offer(select.arm, unique(a.answers.map((s) => s.arm)));
    offer(select.seed, unique(a.answers.filter((s) => s.arm === select.arm.value).map((s) => String(s.seed))));
  }

  function options(a) {
    const list = el("ul", "options");
    a.options.forEach((text, i) => {
      const tags = [[a.gold, "right"], [a.cue, "asserted by the cue"]].filter(([w]) => w === i).map(([, t]) => t).join(" · ");
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
    if (before && before.text === s.text) return add(item, el("p", "same", "Identical to the answer at the previous audit."));
    const message = el("p", "message model");
    if (a.prefill.length) add(message, segments(el("span", "prefill"), a.prefill));
    return add(item, add(message, el("span", "", s.text)));
  }

  function draw() {
    const a = now();
    const all = unique(items.map(key));
    const at = all.indexOf(select.question.value);
    by("count").textContent = `question ${at + 1} of ${all.length}`;
    by("previous").disabled = at <= 0;
    by("next").disabled = at >= all.length - 1;
    card.replaceChildren();
    card.dataset.condition = a.condition;
    card.dataset.uid = a.uid;
    const top = add(el("div", "top"), el("bdi", "name", a.condition), el("bdi", "", [a.benchmark, a.uid].join(" · ")));
    const side = el("div", "side");
    if (a.images.length) for (const sha of a.images) add(side, picture(images, sha));
    add(side, options(a));
    const talk = add(el("div", "talk"), el("p", "role", "User turn"), segments(el("p", "message user"), a.prompt));
    add(talk, el("p", "role", "Answers by audit"));
    const list = el("ol", "through");
    const answers = a.answers.filter((s) => s.arm === select.arm.value && String(s.seed) === select.seed.value);
    answers.forEach((s, i) => add(list, turn(a, s, answers[i - 1])));
    add(card, top, side, add(talk, list));
  }

  function change() { fill(); draw(); note(); }

  // An address such as #q=1&condition=wrong-think&arm=grpo&seed=0 opens the page there.
  function note() {
    const state = new URLSearchParams(names.map((n) => [n, select[n].value]));
    remember(state);
  }

  function recall(state) {
    for (const n of names) {
      const wanted = state.get(n);
      if ([...select[n].options].some((o) => o.value === wanted)) select[n].value = wanted;
      fill();
    }
  }

  function step(by_) {
    const all = unique(items.map(key));
    const next = all.indexOf(select.question.value) + by_;
    if (next < 0 || next >= all.length) return;
    select.question.value = all[next];
    change();
  }

  const questions = unique(items.map(key));
  offer(select.question, questions, questions.map((k) => {
    const a = items.find((item) => key(item) === k);
    return `${a.uid}: ${a.question}`.slice(0, 90);
  }));
  fill();
  for (const n of names) select[n].addEventListener("change", change);
  start({ step, draw, recall, section: "rollouts" });
})();
