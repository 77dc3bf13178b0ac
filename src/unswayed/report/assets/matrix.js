// The matrix of models and conditions: of all its tables the chosen one is shown. Without scripts all are.
(() => {
  const box = document.getElementById("choose");
  if (!box) return;
  const measure = document.getElementById("m-measure"), benchmark = document.getElementById("m-benchmark");
  const tables = [...document.querySelectorAll("[data-measure]")];
  const show = () => {
    for (const t of tables) t.hidden = t.dataset.measure !== measure.value || t.dataset.benchmark !== benchmark.value;
  };
  for (const s of [measure, benchmark]) s.addEventListener("change", show);
  addEventListener("beforeprint", () => { for (const t of tables) t.hidden = false; });
  addEventListener("afterprint", show);
  box.hidden = false;
  show();
})();
