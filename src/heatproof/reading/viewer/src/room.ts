/** The screen on which films are read. */

import { get, picture, type Me, type Picture, type Reading } from "./api";
import { Case } from "./case";
import { el, show } from "./dom";
import { Film, forget, prepare, type Hand } from "./film";
import { form } from "./form";
import { coloured, palette } from "./map";
import type { Queue } from "./queue";

interface Loaded {
  reading: Reading;
  imageId: string;
  map: Picture | null;
}

const AHEAD = 2; // films that are loaded while one is read
const SHAPES = { contour: "contour", boxes: "box", point: "point" } as const;
const HANDS: [Hand, string, string, string][] = [
  ["draw", "Draw", "D", "M4 20l4-1 11-11-3-3L5 16z"],
  ["window", "Window", "W", "M12 3a9 9 0 100 18zM12 3a9 9 0 010 18"],
  ["pan", "Move", "P", "M12 3v18M3 12h18M12 3l-3 3m3-3l3 3M12 21l-3-3m3 3l3-3M3 12l3-3m-3 3l3 3M21 12l-3-3m3 3l-3 3"],
  ["zoom", "Zoom", "Z", "M10 4a6 6 0 100 12 6 6 0 000-12zM15 15l6 6M7 10h6M10 7v6"],
  ["magnify", "Magnify", "M", "M10 4a6 6 0 100 12 6 6 0 000-12zM15 15l6 6"],
];

export class Room {
  private readonly loading = new Map<string, Promise<Loaded>>();
  private film: Film | null = null;
  private now: Case | null = null;
  private loaded: Loaded | null = null;
  private hand: Hand = "draw";
  private opacity = 0.65;
  private threshold = 0;
  private mapShown = true;
  private clock = 0;
  private finished = 0;
  private place = 0;
  private busy = false;
  private readonly panel = el("div", { class: "panel-body" });
  private readonly view = el("div", { class: "film", role: "application", "aria-label": "Film", tabindex: "0" });
  private readonly tools = el("div", { class: "tools", role: "toolbar", "aria-label": "Tools" });
  private readonly progress = el("span", { class: "progress" });
  readonly saved = el("span", { class: "saved", role: "status" });

  constructor(
    private readonly me: Me,
    private readonly queue: Queue,
    /** All films that may be read now are read, or another task begins. */
    private readonly left: () => void,
  ) {
    document.onkeydown = (event) => this.key(event);
    document.onvisibilitychange = () => {
      if (this.now && !this.now.answer.done) this.now.say(document.hidden ? "away" : "back");
    };
    for (let i = 0; i < AHEAD; i++) this.load(i);
  }

  /** Show the first film that is not read. */
  async begin(): Promise<void> {
    show(
      el(
        "header",
        { class: "bar" },
        el("span", { class: "brand" }, "heatproof"),
        el("span", { class: "study" }, this.me.study),
        this.progress,
        this.saved,
        el("span", { class: "who" }, this.me.name),
      ),
      el("main", { class: "room" }, this.tools, this.view, el("section", { class: "panel", "aria-label": "Answers" }, this.panel)),
    );
    await this.next();
  }

  private load(place: number): Promise<Loaded> | null {
    const entry = this.me.remaining[place];
    if (!entry) return null;
    let found = this.loading.get(entry.id);
    if (!found) {
      found = this.fetch(entry.id);
      // What failed for want of a network is tried again when it is wanted.
      found.catch(() => this.loading.delete(entry.id));
      this.loading.set(entry.id, found);
    }
    return found;
  }

  private async fetch(id: string): Promise<Loaded> {
    const [reading, film] = await Promise.all([
      get<Reading>(`/api/reading/${id}`),
      picture(`/api/film/${id}`),
    ]);
    let map: Picture | null = null;
    if (reading.map) {
      map = await picture(`/api/map/${id}`);
      await palette(map.signed);
    }
    return { reading, imageId: prepare(id, film), map };
  }

  private async next(): Promise<void> {
    const entry = this.me.remaining[this.place];
    const before = this.me.remaining[this.place - 1];
    if (!entry || (before && before.task !== entry.task)) return this.close();
    const task = this.me.tasks[entry.task]!;
    this.busy = true;
    this.panel.replaceChildren(el("p", { class: "wait" }, "The film is on its way…"));
    for (;;) {
      try {
        this.loaded = await this.load(this.place)!;
        break;
      } catch (error) {
        this.panel.replaceChildren(
          el("p", { class: "wait" }, `The film cannot be loaded (${(error as Error).message}). Trying again…`),
        );
        await new Promise((resolve) => setTimeout(resolve, 1500));
      }
    }
    const { reading, imageId } = this.loaded;
    const shape = task.kind in SHAPES ? SHAPES[task.kind as keyof typeof SHAPES] : null;
    this.now = new Case(reading, task, this.queue, () => this.refresh());
    if (!this.film) {
      this.film = new Film(this.view, shape, (mark) => this.drawn(mark));
      this.setHand(shape ? "draw" : "window");
    }
    this.film.setTruth([]);
    await this.film.show(imageId);
    await this.colour();
    this.film.setMarks(this.now.answer.marks);
    this.now.say("open", { version: task.version });
    this.view.dataset.reading = reading.id;
    this.busy = false;
    this.limit();
    if (before) {
      forget(before.id);
      this.loading.delete(before.id);
    }
    for (let i = 1; i <= AHEAD; i++) this.load(this.place + i);
  }

  private drawn(mark: Parameters<Case["mark"]>[0]): void {
    const now = this.now!;
    const several = now.task.kind === "point" && now.answer.marks.some((each) => each.id !== mark.id);
    now.mark(mark);
    // Once Cornerstone has let go of the mark: the point that it takes the place of is taken away.
    if (several) setTimeout(() => this.film!.setMarks(now.answer.marks));
  }

  private async finish(timedOut = false): Promise<void> {
    const now = this.now;
    if (!now || this.busy || now.answer.done || (now.lacking && !timedOut)) return;
    (document.activeElement as HTMLElement | null)?.blur(); // a text that is being written is sent
    clearInterval(this.clock);
    now.say("done", { timed_out: timedOut });
    this.finished += 1;
    if (now.reading.training) await this.feedback(now);
    else await this.advance();
  }

  private async advance(): Promise<void> {
    this.place += 1;
    await this.next();
  }

  private async feedback(now: Case): Promise<void> {
    this.busy = true;
    const words = el("p", { class: "truth", role: "status" }, "One moment…");
    const button = el("button", { class: "main", disabled: true, onclick: () => void this.advance() }, "Next film");
    this.panel.replaceChildren(el("h1", {}, "Training film"), words, button);
    await this.queue.flush();
    for (;;) {
      try {
        const truth = await get<{ present: boolean | null; contours: [number, number][][] }>(
          `/api/feedback/${now.reading.id}`,
        );
        this.film!.setTruth(truth.contours);
        const finding = now.task.finding;
        words.textContent =
          truth.present === null
            ? "It is not known what is right here."
            : truth.present
              ? `${finding}: present.${truth.contours.length ? " The reference is outlined in orange." : ""}`
              : `${finding}: absent.`;
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 800));
      }
    }
    button.disabled = false;
    button.focus();
  }

  private close(): void {
    clearInterval(this.clock);
    document.onkeydown = document.onvisibilitychange = null;
    this.film?.close();
    for (const id of this.loading.keys()) forget(id);
    this.left();
  }

  /** The panel, the tools and the head, as things stand. */
  private refresh(): void {
    const now = this.now!;
    const { task, reading } = now;
    if (this.busy && now.answer.done) return;
    const focused = document.activeElement?.getAttribute("name") ?? document.activeElement?.id;
    const place = focused ? [...this.panel.querySelectorAll(`[name="${focused}"]`)].indexOf(document.activeElement!) : -1;
    if (!this.panel.querySelector("textarea") || this.panel.dataset.reading !== reading.id) {
      this.panel.dataset.reading = reading.id;
      this.panel.replaceChildren(
        el("h1", {}, reading.task),
        reading.training ? el("p", { class: "training" }, "Training: does not count, and you will be told what is right.") : "",
        task.instructions
          ? el("details", { open: this.finished === 0 }, el("summary", {}, "Instructions"), el("p", {}, task.instructions))
          : "",
        form(now),
        this.loaded?.map ? this.mapControls() : "",
        el(
          "div",
          { class: "foot" },
          el("p", { class: "lacking", id: "lacking" }),
          el("button", { class: "main", id: "finish", onclick: () => void this.finish() }, "Finish film", el("kbd", { "aria-hidden": "true" }, "Enter")),
          task.limit_seconds ? el("p", { class: "limit", id: "limit" }) : "",
        ),
      );
      if (place >= 0) (this.panel.querySelectorAll(`[name="${focused}"]`)[place] as HTMLElement | undefined)?.focus();
    }
    this.panel.querySelector("#lacking")!.textContent = now.lacking;
    (this.panel.querySelector("#finish") as HTMLButtonElement).disabled = !!now.lacking;
    const done = this.me.done + this.finished;
    this.progress.textContent = `Film ${Math.min(done + 1, this.me.total)} of ${this.me.total}`;
    this.drawTools();
  }

  private mapControls(): HTMLElement {
    const slider = (label: string, value: number, set: (value: number) => void) =>
      el(
        "label",
        {},
        label,
        el("input", {
          type: "range", min: "0", max: "100", value: value * 100,
          oninput: (event: Event) => {
            set(Number((event.target as HTMLInputElement).value) / 100);
            void this.colour();
          },
        }),
      );
    return el(
      "fieldset",
      { class: "map" },
      el("legend", {}, "Map of a program"),
      el(
        "label",
        { class: "check" },
        el("input", {
          type: "checkbox", id: "map", checked: this.mapShown,
          onchange: (event: Event) => {
            this.mapShown = (event.target as HTMLInputElement).checked;
            void this.colour();
          },
        }),
        "Show",
        el("kbd", { "aria-hidden": "true" }, "O"),
      ),
      slider("Opacity", this.opacity, (value) => (this.opacity = value)),
      slider("Hide what is weaker than", this.threshold, (value) => (this.threshold = value)),
      el("p", { class: "hint" }, "From dark violet (weak) to yellow (strong); orange speaks for the finding and blue against it where a map has both."),
    );
  }

  private async colour(): Promise<void> {
    const map = this.loaded?.map;
    this.film!.setMap(map && this.mapShown ? await coloured(map, this.opacity, this.threshold) : null);
  }

  private setHand(hand: Hand): void {
    this.hand = hand;
    this.film?.hand(hand);
    this.drawTools();
  }

  private drawTools(): void {
    const now = this.now;
    const marking = !!now && now.task.kind in SHAPES;
    const button = (label: string, key: string, path: string, act: () => void, more: Record<string, unknown> = {}) => {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", "0 0 24 24");
      svg.setAttribute("aria-hidden", "true");
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      line.setAttribute("d", path);
      svg.append(line);
      return el("button", { type: "button", title: `${label} (${key})`, onclick: act, ...more }, svg, el("span", {}, label));
    };
    const focused = (document.activeElement as HTMLElement | null)?.title;
    this.tools.replaceChildren(
      ...HANDS.filter(([hand]) => marking || hand !== "draw").map(([hand, label, key, path]) =>
        button(label, key, path, () => this.setHand(hand), { "aria-pressed": String(this.hand === hand) }),
      ),
      el("hr"),
      button("Closer", "+", "M12 5v14M5 12h14", () => this.film?.zoom(1.25)),
      button("Further", "-", "M5 12h14", () => this.film?.zoom(0.8)),
      button("Invert", "I", "M4 4h16v16H4zM4 20L20 4", () => this.invert(), { "aria-pressed": String(!!this.film?.inverted) }),
      button("Reset", "R", "M5 12a7 7 0 107-7H7m0 0l3-3M7 5l3 3", () => this.film?.reset()),
      ...(marking
        ? [
            el("hr"),
            button("Undo", "Ctrl+Z", "M4 10h10a5 5 0 010 10H8M4 10l4-4m-4 4l4 4", () => this.undo(), { disabled: !now!.canUndo }),
            button("Redo", "Ctrl+Y", "M20 10H10a5 5 0 000 10h6M20 10l-4-4m4 4l-4 4", () => this.redo(), { disabled: !now!.canRedo }),
            button("Erase", "Del", "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13", () => this.erase(), { disabled: !now!.answer.marks.length }),
          ]
        : []),
    );
    if (focused) ([...this.tools.querySelectorAll("button")].find((each) => each.title === focused) as HTMLElement | undefined)?.focus();
  }

  private invert(): void {
    this.film?.invert();
    this.drawTools();
  }

  private undo(): void {
    this.now!.undo();
    this.film!.setMarks(this.now!.answer.marks);
  }

  private redo(): void {
    this.now!.redo();
    this.film!.setMarks(this.now!.answer.marks);
  }

  /** Take away the mark that is selected, or the last. */
  private erase(): void {
    const id = this.film!.selected() ?? this.now!.answer.marks.at(-1)?.id;
    if (!id) return;
    this.now!.erase(id);
    this.film!.setMarks(this.now!.answer.marks);
  }

  private limit(): void {
    clearInterval(this.clock);
    const seconds = this.now!.task.limit_seconds;
    if (!seconds) return;
    const end = Date.now() + 1000 * seconds;
    const tick = () => {
      const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      const words = this.panel.querySelector("#limit");
      if (words) words.textContent = `${left} ${left === 1 ? "second" : "seconds"} left`;
      if (!left) void this.finish(true);
    };
    this.clock = window.setInterval(tick, 500);
    tick();
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (!this.now || this.busy || target.tagName === "TEXTAREA") return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") event.shiftKey ? this.redo() : this.undo();
      else if (key === "y") this.redo();
      else return;
      event.preventDefault();
      return;
    }
    if (event.altKey) return;
    const hand = HANDS.find(([each, , letter]) => letter.toLowerCase() === key && (each !== "draw" || this.now!.task.kind in SHAPES));
    if (hand) this.setHand(hand[0]);
    else if (key === "i") this.invert();
    else if (key === "r") this.film!.reset();
    else if (key === "+" || key === "=") this.film!.zoom(1.25);
    else if (key === "-") this.film!.zoom(0.8);
    else if (key === "delete" || key === "backspace") this.erase();
    else if (key === "o") (this.panel.querySelector("#map") as HTMLInputElement | null)?.click();
    else if (key === "enter" && target.tagName !== "BUTTON" && target.tagName !== "SUMMARY") void this.finish();
    else if (key === "y" || key === "n") (this.panel.querySelectorAll('[name="yes"]')[key === "y" ? 0 : 1] as HTMLElement | undefined)?.click();
    else if (/^[1-9]$/.test(key)) (this.panel.querySelectorAll('[name="scale"]')[Number(key) - 1] as HTMLElement | undefined)?.click();
    else return;
    event.preventDefault();
  }
}
