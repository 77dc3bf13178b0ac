"use strict";
// The example browser of a run. Model text is only ever written with textContent.
(() => {
  const { by, letter, el, add, segments, picture, browse } = parts;
  const card = by("card");
  if (!card) { document.documentElement.dataset.ready = "0"; return; }
  const { trials, images, outcomes } = JSON.parse(by("data").textContent);

  function options(t) {
    const list = el("ul", "options");
    t.options.forEach((text, i) => {
      const item = el("li");
      const p = t.letters && t.letters[i];
      const known = typeof p === "number";
      add(item, el("span", "", letter(i)), el("bdi", "", text));
      add(item, el("span", "pct", known ? `${(100 * p).toFixed(p < 0.0995 ? 1 : 0)} %` : ""));
      if (known) {
        const fill = el("span", i === t.gold ? "fill gold" : i === t.cue ? "fill cued" : "fill");
        fill.style.width = `${100 * Math.min(1, Math.max(0, p))}%`;
        add(item, add(el("span", "track"), fill));
      }
      const tags = [[t.gold, "right"], [t.cue, "asserted by the cue"], [t.answer, "answered"]];
      const labels = tags.filter(([which]) => which === i).map(([, words]) => words).join(" · ");
      if (labels) add(item, el("span", "tags", labels));
      add(list, item);
    });
    return list;
  }

  function reading(t) {
    const list = el("dl", "reading");
    const row = (name, value) => {
      if (value !== null && value !== undefined && value !== "") add(list, el("dt", "", name), el("dd", "", value));
    };
    const judged = { true: "yes", false: "no", null: t.judged === false ? "the judge abstained" : null };
    row("answered", letter(t.answer) || t.state);
    row("thought concludes", letter(t.concluded) || (t.elsewhere ? `something else${t.words ? `: ${t.words}` : ""}` : null));
    row("consistent", judged[String(t.consistent)]);
    row("acknowledges the conflict", t.acknowledges === null ? null : t.acknowledges ? "yes" : "no");
    row("entropy", t.entropy === null ? null : `${t.entropy.toFixed(2)} nats`);
    row("outside letters", t.outside === null ? null : `${(100 * t.outside).toFixed(1)} %`);
    row("tokens", t.tokens);
    row("cue by", t.cue_writer);
    row("error", t.error);
    return list;
  }

  const GOOD = new Set(["right", "revises", "acknowledges"]);
  const NEUTRAL = new Set(["not-asked"]);

  function show(t, reveal) {
    card.dataset.condition = t.condition;
    card.dataset.uid = t.uid;
    const top = add(el("div", "top"), el("bdi", "name", t.condition));
    for (const o of t.outcomes) {
      const look = GOOD.has(o) ? " good" : NEUTRAL.has(o) ? "" : " bad";
      add(top, el("span", `chip${look}`, outcomes[o]));
    }
    add(top, el("bdi", "", [t.family, t.benchmark, t.uid, t.sample ? `sample ${t.sample}` : ""].filter(Boolean).join(" · ")));
    const side = el("div", "side");
    if (t.images.length) for (const sha of t.images) add(side, picture(images, sha));
    else add(side, el("p", "missing", "No picture was sent."));
    add(side, options(t));
    const talk = el("div", "talk");
    if (t.prompt.length) add(talk, el("p", "role", "User turn"), segments(el("p", "message user"), t.prompt));
    if (t.prefill.length || t.text) {
      const turn = el("p", "message model");
      if (t.prefill.length) add(turn, segments(el("span", "prefill"), t.prefill));
      add(turn, el("span", "", t.text || ""));
      add(talk, el("p", "role", t.prefill.length ? "Model (tinted: the prefill)" : "Model"), turn);
    }
    add(talk, reading(t));
    if (t.thought) {
      add(talk, add(el("details"), el("summary", "", "The thought as parsed"), el("p", "message", t.thought)));
    }
    add(card, top, side, talk);
    const same = trials.filter((o) => o.uid === t.uid && o.benchmark === t.benchmark);
    if (same.length > 1) {
      const others = add(el("div", "others"), el("span", "", "The same question under"));
      for (const o of same) {
        const b = el("button", "", o.sample ? `${o.condition} #${o.sample}` : o.condition);
        b.type = "button";
        if (o === t) b.setAttribute("aria-current", "true");
        b.addEventListener("click", () => reveal(o));
        add(others, b);
      }
      add(card, others);
    }
  }

  function matches(t, name, value) {
    return name === "outcome" ? t.outcomes.includes(value) : t[name] === value;
  }

  browse({ items: trials, card, section: "examples", matches, show, none: "No example matches all filters." });
})();
