// The same question, answered by every model of a suite. Model text is only ever written with textContent.
(() => {
  const { by, letter, el, add, segments, picture, browse } = parts;
  const card = by("card");
  if (!card) { document.documentElement.dataset.ready = "0"; return; }
  const { items, images, patterns } = JSON.parse(by("data").textContent);

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

  function show(t, reveal) {
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
    return name === "wrong" ? t.answers.some((a) => a.model === value && a.correct === false) : t[name] === value;
  }

  browse({ items, card, section: "examples", matches, show, none: "No question fits these filters." });
})();
