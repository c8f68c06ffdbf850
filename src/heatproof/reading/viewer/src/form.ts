/** What a reader says beside the film. */

import type { Case } from "./case";
import { el } from "./dom";

const NOUNS = { contour: "outline", boxes: "box", point: "point" } as const;
const PLURALS = { contour: "outlines", boxes: "boxes", point: "points" } as const;

export function form(now: Case): HTMLElement {
  const { task, answer } = now;
  const made = el("div", { class: "answers" });
  if (task.kind === "contour" || task.kind === "boxes" || task.kind === "point") {
    const count = answer.marks.length;
    const words = count ? `${count} ${count === 1 ? NOUNS[task.kind] : PLURALS[task.kind]}` : `No ${NOUNS[task.kind]} yet`;
    made.append(
      el("p", { class: "count", id: "count" }, words),
      el("p", { class: "hint" }, count ? "Drag a mark to change it." : "If there is nothing to mark, finish the film."),
    );
  }
  if (task.kind === "decision")
    made.append(
      choices(task.finding, "yes", ["Yes", "No"], answer.yes === null ? null : answer.yes ? 0 : 1, (place) =>
        now.say("choose", { yes: place === 0 }),
      ),
      choices("How sure are you?", "scale", task.scale, answer.value, (value) => now.say("rate", { value })),
    );
  if (task.kind === "map_rating")
    made.append(choices("The map is", "scale", task.scale, answer.value, (value) => now.say("rate", { value })));
  if (task.kind === "failures") made.append(...places(now));
  return made;
}

function choices(
  legend: string,
  name: string,
  words: string[],
  chosen: number | null,
  choose: (place: number) => void,
): HTMLElement {
  return el(
    "fieldset",
    { class: name },
    el("legend", {}, legend),
    ...words.map((word, place) =>
      el(
        "label",
        {},
        el("input", { type: "radio", name, checked: chosen === place, onchange: () => choose(place) }),
        el("span", {}, word),
        name === "scale" && el("kbd", { "aria-hidden": "true" }, String(place + 1)),
      ),
    ),
  );
}

function places(now: Case): HTMLElement[] {
  let timer = 0;
  const text = el("textarea", { id: "text", rows: "3", maxlength: "4000" });
  text.value = now.answer.text;
  const write = () => {
    clearTimeout(timer);
    if (text.value !== now.answer.text) now.say("write", { text: text.value });
  };
  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(write, 400);
  });
  text.addEventListener("blur", write);
  return [
    el(
      "fieldset",
      { class: "places" },
      el("legend", {}, "The map points at"),
      ...(now.task.places ?? []).map((place) =>
        el(
          "label",
          {},
          el("input", {
            type: "checkbox",
            checked: now.answer.places.includes(place),
            onchange: (event: Event) => now.say("place", { place, on: (event.target as HTMLInputElement).checked }),
          }),
          el("span", {}, place),
        ),
      ),
    ),
    el("label", { class: "text", for: "text" }, "In your words"),
    text,
  ];
}
