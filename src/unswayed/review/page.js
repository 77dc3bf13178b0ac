"use strict";
// Shows one thought at a time; every label is saved before the next is shown. Model text is set as text only.
(() => {
  const $ = (id) => document.getElementById(id);
  let at = -1;
  let item = null;
  let busy = false;

  async function call(path, body) {
    const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const reply = await fetch(path, options);
    const value = await reply.json();
    if (!reply.ok) throw new Error(value.error);
    return value;
  }

  async function guarded(act) {
    if (busy) return;
    busy = true;
    try {
      await act();
      $("trouble").textContent = "";
    } catch (error) {
      $("trouble").textContent = `Not saved: ${error.message}. Is the command still running in the terminal?`;
    } finally {
      busy = false;
    }
  }

  function progress(p) {
    $("count").textContent = `${p.labelled} of ${p.total} labelled`;
    $("bar").max = p.total;
    $("bar").value = p.labelled;
  }

  function press(button, on) {
    button.setAttribute("aria-pressed", String(on));
  }

  async function show(number) {
    $("done").hidden = number >= 0;
    $("card").hidden = number < 0;
    at = number;
    item = null;
    if (number < 0) return;
    const next = await call(`item/${number}`);
    progress(next);
    $("question").textContent = next.question;
    $("thought").textContent = next.thought;
    $("thought").scrollTop = 0;
    $("images").replaceChildren(...Array.from({ length: next.images }, (_, k) => {
      const image = document.createElement("img");
      image.alt = "The picture of the question";
      image.src = `image/${number}/${k}`;
      return image;
    }));
    $("options").replaceChildren(...next.options.map((text, k) => {
      const button = document.createElement("button");
      button.type = "button";
      const key = document.createElement("kbd");
      key.textContent = k < 9 ? String(k + 1) : "·";
      button.append(key, `(${String.fromCharCode(65 + k)}) ${text}`);
      button.addEventListener("click", () => label("option", k));
      press(button, next.label !== null && next.label[0] === "option" && next.label[1] === k);
      return button;
    }));
    for (const name of ["elsewhere", "nothing", "unsure"]) press($(name), next.label !== null && next.label[0] === name);
    item = next;
    document.documentElement.dataset.ready = String(number);
  }

  const label = (kind, option) => guarded(async () => {
    if (item === null) return;
    const p = await call("label", { item: at, found: kind, option });
    progress(p);
    const forward = item.label === null ? p.next : at + 1 < p.total ? at + 1 : p.next;
    await show(forward);
  });
  const step = (by) => guarded(async () => {
    const total = $("bar").max;
    const to = at < 0 ? total - 1 : at + by;
    if (to >= 0 && to < total) await show(to);
  });

  $("elsewhere").addEventListener("click", () => label("elsewhere", null));
  $("nothing").addEventListener("click", () => label("nothing", null));
  $("unsure").addEventListener("click", () => label("unsure", null));
  $("back").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("again").addEventListener("click", () => step(-1));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const digit = "123456789".indexOf(event.key);
    if (item !== null && event.key.length === 1 && digit >= 0 && digit < item.options.length) label("option", digit);
    else if (event.key === "e") label("elsewhere", null);
    else if (event.key === "n") label("nothing", null);
    else if (event.key === "u") label("unsure", null);
    else if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
    else return;
    event.preventDefault();
  });
  guarded(async () => {
    const p = await call("progress");
    progress(p);
    await show(p.next);
  });
})();
