// What every page of heatproof does: tables are sorted and copied, contents follow the reader.
(() => {
  "use strict";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Tables: sorted by a column, and copied.
  const worth = (cell) => {
    if (!cell) return "";
    const verdict = cell.querySelector(".outcome");
    if (verdict) return ["pass", "inconclusive", "fail", "not_tested"].findIndex((name) => verdict.classList.contains(name));
    const number = cell.querySelector("data");
    if (number) return Number(number.value);
    const text = cell.textContent.trim();
    // A number of cases, with what is said of them below it.
    if (cell.matches(".n")) return parseInt(text.replace(/,/g, ""), 10);
    const digits = text.replace(/,/g, "").replace("\u2212", "-");
    return /^[+<]?-?\d+(\.\d+)?$/.test(digits) ? Number(digits.replace(/[+<]/, "")) : text;
  };
  const sort = (table, heading) => {
    const column = heading.cellIndex;
    const up = heading.getAttribute("aria-sort") !== "ascending";
    all("thead th", table).forEach((one) => one.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [worth(row.cells[column]), row]);
    rows.sort(([one], [other]) => {
      const numbers = [one, other].map((value) => typeof value === "number");
      // Numbers stand before words such as "not estimable", whichever way is up.
      if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1;
      const order = numbers[0] ? one - other : one.localeCompare(other);
      return up ? order : -order;
    });
    body.append(...rows.map(([, row]) => row));
  };
  const text = (value) => {
    // A spreadsheet would execute text that begins like a formula.
    const safe = /^[=+\-@\t\r\n]/.test(value) && !/^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  const plain = (cell) => {
    const copy = cell.cloneNode(true);
    all("button.sort, .gauge, [aria-hidden]", copy).forEach((part) => part.remove());
    return copy.textContent.replace(/\u00ad/g, "").replace(/\s+/g, " ").trim().replace(/^\u2212/, "-");
  };
  const csv = (table) => {
    const rows = [...table.tHead.rows, ...table.tBodies[0].rows, ...(table.tFoot?.rows ?? [])].filter((row) => !row.hidden);
    const wide = [];
    rows.forEach((row) => [...row.cells].forEach((cell, column) => {
      if (cell.querySelector("data[data-low]")) wide[column] = true;
    }));
    return rows.map((row) => [...row.cells].flatMap((cell, column) => {
      const number = cell.querySelector("data");
      if (row.parentNode === table.tHead) {
        const name = plain(cell);
        return wide[column] ? [name, `${name} low`, `${name} high`] : [name];
      }
      const first = number ? number.value : plain(cell);
      if (!wide[column]) return [first];
      return [first, number?.dataset.low ?? "", number?.dataset.high ?? ""];
    }).map(text).join(",")).join("\n") + "\n";
  };
  const copied = async (button, words) => {
    try {
      await navigator.clipboard.writeText(words);
    } catch {
      const area = document.createElement("textarea");
      area.value = words;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1500);
  };
  all("table[data-table]").forEach((table) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy as CSV";
    button.addEventListener("click", () => copied(button, csv(table)));
    (table.closest(".scroll") ?? table).after(button);
    if (!table.matches(".sortable") || table.tBodies[0].rows.length < 2) return;
    all("thead th:not(.plot)", table).filter((heading) => heading.textContent.trim()).forEach((heading) => {
      const arrow = document.createElement("button");
      arrow.type = "button";
      arrow.className = "sort";
      arrow.setAttribute("aria-label", `Sort by ${heading.textContent.trim()}`);
      arrow.addEventListener("click", () => sort(table, heading));
      heading.append(arrow);
    });
  });
  all("[data-copies]").forEach((button) => {
    button.addEventListener("click", () => copied(button, document.getElementById(button.dataset.copies).innerText));
  });

  // The contents mark the section that is read.
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const seen = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target.id);
    const now = [...links.keys()].find((id) => seen.has(id));
    for (const [id, link] of links) {
      if (id === now) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-10% 0px -60% 0px" });
  all("main > section").forEach((section) => watch.observe(section));

  // What is linked to is unfolded.
  const unfold = () => {
    let part = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (; part; part = part.parentElement) if (part.localName === "details") part.open = true;
  };
  addEventListener("hashchange", unfold);
  unfold();
})();
