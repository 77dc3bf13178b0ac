"use strict";
// Shows one thought after the other; every label is saved before the next is shown. Model text is only text.
(() => {
  const $ = (id) => document.getElementById(id);
  let at = -1;
  let item = null;
  let busy = false;

  async function call(path, body) {
    const how = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const reply = await fetch(path, how);
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
    const found = await call(`item/${number}`);
    progress(found);
    $("question").textContent = found.question;
    $("thought").textContent = found.thought;
    $("thought").scrollTop = 0;
    $("images").replaceChildren(...Array.from({ length: found.images }, (_, k) => {
      const image = document.createElement("img");
      image.alt = "The picture of the question";
      image.src = `image/${number}/${k}`;
      return image;
    }));
    $("options").replaceChildren(...found.options.map((text, k) => {
      const button = document.createElement("button");
      button.type = "button";
      const key = document.createElement("kbd");
      key.textContent = k < 9 ? String(k + 1) : "·";
      button.append(key, `(${String.fromCharCode(65 + k)}) ${text}`);
      button.addEventListener("click", () => label("option", k));
      press(button, found.label !== null && found.label[0] === "option" && found.label[1] === k);
      return button;
    }));
    for (const name of ["nothing", "unsure"]) press($(name), found.label !== null && found.label[0] === name);
    item = found;
    document.documentElement.dataset.ready = String(number);
  }

  const label = (found, option) => guarded(async () => {
    if (item === null) return;
    const p = await call("label", { item: at, found, option });
    progress(p);
    const forward = item.label === null ? p.next : at + 1 < p.total ? at + 1 : p.next;
    await show(forward);
  });
  const step = (by) => guarded(async () => {
    const total = $("bar").max;
    const to = at < 0 ? total - 1 : at + by;
    if (to >= 0 && to < total) await show(to);
  });

  $("nothing").addEventListener("click", () => label("nothing", null));
  $("unsure").addEventListener("click", () => label("unsure", null));
  $("back").addEventListener("click", () => step(-1));
  $("forth").addEventListener("click", () => step(1));
  $("again").addEventListener("click", () => step(-1));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const digit = "123456789".indexOf(event.key);
    if (item !== null && event.key.length === 1 && digit >= 0 && digit < item.options.length) label("option", digit);
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
