// Pointing, filtering and sorting. Without it the page has the same figures, all of them, by falling samples a second.
(() => {
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const table = document.querySelector("#designs"), form = document.querySelector("#filter"), box = table.parentElement;
  const rows = all("tbody tr", table), cards = all("#cards article"), points = all("#chart .design");
  const parts = [...rows, ...cards, ...points];
  let pinned = points.find(point => point.tabIndex === 0)?.dataset.id;

  function show(id) {
    for (const part of parts) part.classList.toggle("on", part.dataset.id === id);
    for (const point of points) point.tabIndex = point.dataset.id === id ? 0 : -1;
  }

  function pin(id) {
    pinned = id;
    show(id);
  }

  function bringIntoView(row) {  // within the table's own box: the page stays where it is
    const head = table.tHead.offsetHeight, top = row.offsetTop - head, bottom = row.offsetTop + row.offsetHeight;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
  }

  for (const part of [...rows, ...points]) {
    const id = part.dataset.id;
    part.addEventListener("pointerenter", () => show(id));
    part.addEventListener("pointerleave", () => show(pinned));
    part.addEventListener("focusin", () => pin(id));
    part.addEventListener("click", () => pin(id));
  }
  for (const point of points) {
    const row = rows.find(one => one.dataset.id === point.dataset.id);
    point.addEventListener("pointerenter", () => bringIntoView(row));
    point.addEventListener("focus", () => bringIntoView(row));
    point.addEventListener("keydown", event => {
      const step = { ArrowRight: -1, ArrowUp: -1, ArrowLeft: 1, ArrowDown: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const shown = points.filter(one => one === point || !one.classList.contains("out"));  // as the rows were: fastest first
      shown[shown.indexOf(point) + step]?.focus();
    });
  }

  const tests = {
    exits: (row, wanted) => row.exits === wanted,
    accuracy: (row, least) => 100 * row.accuracy >= least,
    rate: (row, least) => +row.rate >= least,
    lut: (row, most) => +row.lut <= most,
    policy: (row, wanted) => row.policies.split(" ").includes(wanted),
    verified: row => row.verified === "true",
  };
  function filter() {
    const asked = [...new FormData(form)].filter(([, value]) => value !== "");
    const kept = new Set();
    for (const row of rows) {
      row.hidden = !asked.every(([key, value]) => tests[key](row.dataset, value));
      if (!row.hidden) kept.add(row.dataset.id);
    }
    for (const point of points) point.classList.toggle("out", !kept.has(point.dataset.id));
    for (const cloud of all("#chart .cloud")) cloud.classList.toggle("out", !["", cloud.dataset.exits].includes(form.elements.exits.value));
    document.querySelector("#kept").textContent = `${kept.size} of ${rows.length} designs`;
    if (kept.size && !kept.has(pinned)) pin(rows.find(row => !row.hidden).dataset.id);
  }
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", event => event.preventDefault());

  const value = (row, column) => row.cells[column].dataset.v;
  const order = (a, b) => isNaN(a) || isNaN(b) ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
  for (const head of all("th[aria-sort]", table)) {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const rising = head.ariaSort === "descending" || head.ariaSort === "none" && !head.classList.contains("n");
      for (const other of all("th[aria-sort]", table)) other.ariaSort = "none";
      head.ariaSort = rising ? "ascending" : "descending";
      const column = head.cellIndex, sign = rising ? 1 : -1;
      table.tBodies[0].append(...rows.sort((a, b) => sign * order(value(a, column), value(b, column))));
    });
  }
})();
