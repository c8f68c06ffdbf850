// What the page of a run does besides: filters, printing, and the viewer of films.
(() => {
  "use strict";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  // Without this script the page shows no control that would do nothing.
  all(".scripted").forEach((part) => { part.hidden = false; });

  // Opacity and outlines, of the first films and of the gallery.
  document.addEventListener("input", ({ target }) => {
    const scope = target.closest(".firstfilms, #gallery");
    if (!scope) return;
    if (target.matches("[data-opacity]")) scope.style.setProperty("--opacity", target.value / 100);
    if (target.matches("[data-outlines]")) scope.classList.toggle("bare", !target.checked);
  });

  // Filters: a row, a picture or a case is hidden where it is about something else.
  const form = document.querySelector(".filters");
  const tagged = all("[data-finding], [data-method], [data-model], [data-outcome]");
  const filter = () => {
    const wanted = all("[data-filter]", form).filter((one) => one.value)
      .map((one) => [one.dataset.filter, one.value]);
    for (const part of tagged) {
      part.hidden = wanted.some(([name, value]) => name in part.dataset && part.dataset[name] !== value);
    }
    const cases = all("#gallery .case");
    const left = cases.filter((one) => !one.hidden).length;
    all("#gallery .group").forEach((group) => {
      group.hidden = all(".case", group).every((one) => one.hidden);
      if (wanted.length && !group.hidden) group.open = true;
    });
    const words = wanted.length ? `${left} of ${cases.length} films shown` : "";
    all(".shown").forEach((place) => { place.textContent = words; });
  };
  if (form) {
    // Beside the page there is room for it, above the page it would push the answer down.
    form.parentElement.open = matchMedia("(min-width: 72rem)").matches;
    form.addEventListener("change", filter);
    form.addEventListener("reset", () => setTimeout(filter));
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  // Paper shows what is unfolded, and the first films of a group; or everything, where that is asked.
  all("[data-print]").forEach((button) => button.addEventListener("click", () => {
    const folded = all("details:not([open])");
    folded.forEach((fold) => { fold.open = true; });
    document.documentElement.classList.add("whole");
    addEventListener("afterprint", () => {
      document.documentElement.classList.remove("whole");
      folded.forEach((fold) => { fold.open = false; });
    }, { once: true });
    print();
  }));
  // The viewer.
  const dialog = document.getElementById("viewer");
  if (!dialog?.showModal) return;
  const stage = dialog.querySelector(".stage");
  const about = dialog.querySelector(".about");
  const control = (name) => dialog.querySelector(`[data-view="${name}"]`);
  let tile = null;
  const apparent = (one) => !one.closest("[hidden]");
  const tiles = (within) => all("button.enlarge", within).filter(apparent);
  const cases = () => all("#gallery .case").filter(apparent);
  const adjust = () => {
    const width = control("window").value / 100, level = control("level").value / 100;
    // Both orders give (value - level) / width + 1/2; each is free of clipping on its side.
    const contrast = level < width / 2 ? 1 / (width + 1 - 2 * level) : (2 * level) / width;
    const brightness = level < width / 2 ? (width + 1 - 2 * level) / width : 1 / (2 * level);
    const [film, over] = stage.children;
    film.style.filter = level < width / 2
      ? `contrast(${contrast}) brightness(${brightness})`
      : `brightness(${brightness}) contrast(${contrast})`;
    over.style.setProperty("--opacity", control("opacity").value / 100);
    over.classList.toggle("bare", !control("outlines").checked);
  };
  const show = (next) => {
    tile = next;
    const over = tile.querySelector("svg").cloneNode(true);
    const film = over.cloneNode(true);
    all(".layer, .marks", film).forEach((part) => part.remove());
    film.setAttribute("aria-hidden", "true");
    over.querySelector("use").remove();
    stage.replaceChildren(film, over);
    stage.style.setProperty("--shape", `${over.viewBox.baseVal.width} / ${over.viewBox.baseVal.height}`);
    const figure = tile.closest("figure"), chosen = tile.closest(".case");
    const place = document.createElement("p");
    const among = tiles(chosen), films = cases();
    place.className = "note";
    place.textContent = `Map ${among.indexOf(tile) + 1} of ${among.length}, film ${films.indexOf(chosen) + 1} of ${films.length}`;
    const group = document.createElement("p");
    group.className = "verdictline";
    group.textContent = chosen.dataset.outcome;
    about.replaceChildren(
      ...all("header > *", chosen).map((part) => part.cloneNode(true)), group,
      figure.querySelector("figcaption").cloneNode(true), place);
    adjust();
  };
  const step = (by) => {
    const among = tiles(tile.closest(".case"));
    show(among[(among.indexOf(tile) + by + among.length) % among.length]);
  };
  const leap = (by) => {
    const films = cases();
    const from = films.indexOf(tile.closest(".case"));
    const method = tile.closest("figure").dataset.method;
    const among = tiles(films[(from + by + films.length) % films.length]);
    show(among.find((one) => one.closest("figure").dataset.method === method) ?? among[0]);
  };
  const reset = () => {
    for (const [name, value] of [["window", 100], ["level", 50], ["opacity", 100]]) control(name).value = value;
    adjust();
  };
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest("button.enlarge");
    if (!chosen) return;
    show(chosen);
    dialog.showModal();
    // A slider that had the focus would take the arrows.
    stage.focus();
  });
  dialog.addEventListener("input", adjust);
  dialog.addEventListener("click", (event) => {
    const stepped = event.target.closest("[data-step]");
    if (stepped) step(Number(stepped.dataset.step));
    else if (event.target.closest("[data-reset]")) reset();
    else if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
  dialog.addEventListener("close", () => tile?.focus());
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const flip = (name, values) => {
      const box = control(name);
      if (values) box.value = Number(box.value) > 0 ? 0 : 100;
      else box.checked = !box.checked;
      adjust();
    };
    const acts = {
      ArrowRight: () => step(1), ArrowLeft: () => step(-1), ArrowDown: () => leap(1), ArrowUp: () => leap(-1),
      o: () => flip("outlines"), m: () => flip("opacity", true), 0: reset,
    };
    const arrow = event.key.startsWith("Arrow");
    // Arrows move a slider that has the focus.
    if (!acts[event.key] || (arrow && event.target.type === "range")) return;
    event.preventDefault();
    acts[event.key]();
  });
  stage.addEventListener("pointermove", (event) => {
    if (event.buttons !== 1) return;
    control("window").value = Number(control("window").value) + event.movementX / 3;
    control("level").value = Number(control("level").value) + event.movementY / 4;
    adjust();
  });
})();
