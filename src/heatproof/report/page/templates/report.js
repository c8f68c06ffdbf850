(() => {
  const dialog = document.getElementById("viewer");
  if (!dialog || !dialog.showModal) return;
  const large = dialog.querySelector("img");
  const words = dialog.querySelector("p");
  let tiles = [], at = 0;
  const show = (index) => {
    at = (index + tiles.length) % tiles.length;
    const small = tiles[at].querySelector("img");
    large.src = small.src;
    large.alt = small.alt;
    words.textContent = `${small.alt} (${at + 1} of ${tiles.length})`;
  };
  document.addEventListener("click", (event) => {
    const tile = event.target.closest("button.enlarge");
    if (tile) {
      tiles = [...tile.closest(".tiles").querySelectorAll("button.enlarge")];
      show(tiles.indexOf(tile));
      dialog.showModal();
    }
  });
  dialog.addEventListener("click", (event) => {
    const step = event.target.closest("[data-step]");
    if (step) show(at + Number(step.dataset.step));
    else if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") show(at + 1);
    if (event.key === "ArrowLeft") show(at - 1);
  });
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
  });
})();
