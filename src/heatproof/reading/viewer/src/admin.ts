/** Who is where, and what may happen to the study. */

import { bytes, get, post } from "./api";
import { el, show } from "./dom";

interface Overview {
  study: string;
  state: string;
  readers: {
    name: string;
    role: string;
    done: number;
    total: number;
    task: string;
    film: string;
    waits: number | null;
    seen: number | null;
  }[];
  audit: { at: number; who: string; what: string; detail: string }[];
}

const EVERY = 5000; // milliseconds between two looks

export async function admin(): Promise<void> {
  const told = el("p", { role: "status", class: "told" });
  const body = el("div");
  show(
    el("header", { class: "bar" }, el("span", { class: "brand" }, "heatproof"), el("span", { class: "study" }, "Reading room, admin")),
    el("main", { class: "page" }, body, told),
  );
  const draw = (found: Overview) => body.replaceChildren(...drawn(found, act, told));
  const act = async (path: string, content: unknown) => {
    try {
      draw(await post<Overview>(path, content));
    } catch (error) {
      told.textContent = (error as Error).message;
    }
  };
  draw(await get<Overview>("/api/admin"));
  setInterval(async () => {
    if (document.hidden || body.contains(document.activeElement)) return;
    await get<Overview>("/api/admin").then(draw, () => undefined);
  }, EVERY);
}

function drawn(found: Overview, act: (path: string, content: unknown) => Promise<void>, told: HTMLElement): HTMLElement[] {
  const state = (to: string, words: string, question = "") =>
    el(
      "button",
      { type: "button", onclick: () => (!question || confirm(question)) && void act("/api/admin/state", { state: to }) },
      words,
    );
  const link = async (reader: string) => {
    if (!confirm(`A new link for ${reader}? The former one, and what is open by it, ends.`)) return;
    const { token } = await post<{ token: string }>("/api/admin/link", { reader });
    told.textContent = `Link for ${reader}, shown once: ${location.origin}/#${token}`;
  };
  const closed = found.state === "closed";
  return [
    el("h1", {}, found.study),
    el("p", { class: "lead" }, `The study is ${found.state}.`),
    el(
      "div",
      { class: "actions" },
      el("button", { type: "button", class: "main", onclick: () => void save() }, "Export"),
      !closed && (found.state === "open" ? state("frozen", "Freeze") : state("open", "Open again")),
      !closed && state("closed", "Close for good", "Close the study for good? Nobody can read in it again."),
    ),
    el("h2", { id: "readers" }, "Readers"),
    table(
      ["Reader", "Finished", "Now at", "Seen", ""],
      found.readers.map((reader) => [
        el("span", {}, reader.name, el("small", {}, ` ${reader.role}`)),
        el(
          "span",
          {},
          el("progress", { max: reader.total, value: reader.done, "aria-label": `Progress of ${reader.name}` }),
          ` ${reader.done} of ${reader.total}`,
        ),
        reader.waits ? `waits until ${when(reader.waits)}` : reader.film ? `${reader.task}: ${reader.film}` : "finished",
        reader.seen ? when(reader.seen) : "never",
        el("button", { type: "button", "aria-label": `New link for ${reader.name}`, onclick: () => void link(reader.name) }, "New link"),
      ]),
    ),
    el("h2", {}, "What happened"),
    table(
      ["When", "Who", "What", ""],
      [...found.audit].reverse().slice(0, 50).map((row) => [when(row.at), row.who, row.what, row.detail]),
    ),
  ];
}

function table(heads: string[], rows: (string | Node)[][]): HTMLElement {
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": heads[0] },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ...heads.map((head) => (head ? el("th", { scope: "col" }, head) : el("td"))))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell))))),
    ),
  );
}

function when(seconds: number): string {
  return new Date(1000 * seconds).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

async function save(): Promise<void> {
  const url = URL.createObjectURL(new Blob([await bytes("/api/admin/export")], { type: "application/zip" }));
  el("a", { href: url, download: "study.zip" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
