/** The reading room: which screen is shown. */

import { enter, me, Refused, type Me } from "./api";
import { el, show } from "./dom";
import { Queue, type State } from "./queue";
import type { Room } from "./room";

// The viewer is large; it comes while the first screen is read.
const viewer = import("./room");

const WORDS: Record<State, (left: number, words: string) => string> = {
  saved: () => "Saved",
  saving: () => "Saving…",
  waiting: (left) => `No connection: ${left} ${left === 1 ? "stroke" : "strokes"} kept here, sent when it is back`,
  paused: (left, words) => `${words[0]?.toUpperCase()}${words.slice(1)}; ${left} kept here`,
  refused: (_, words) => `Not kept: ${words}`,
  entered: () => "Open your link again; nothing is lost",
};

let room: Room | null = null;
let state: [State, number, string] = ["saved", 0, ""];

const queue = new Queue((...now) => {
  state = now;
  if (room) {
    room.saved.textContent = WORDS[now[0]](now[1], now[2]);
    room.saved.dataset.state = now[0];
  }
});

async function start(): Promise<void> {
  try {
    const token = location.hash.slice(1);
    if (token) await enter(token);
    const found = await me();
    if (found.admin) return (await import("./admin")).admin();
    await queue.open(found.key);
    await welcome(queue.left ? found : await me());
  } catch (error) {
    if (error instanceof Refused && error.status === 401)
      return message("Open your own link", "This page is for readers who were given a link. Ask whoever runs the study for yours.");
    message("The reading room cannot be reached", `${(error as Error).message}. It is tried again every few seconds.`);
    setTimeout(() => void start(), 3000);
  }
}

async function welcome(found: Me): Promise<void> {
  if (found.state === "closed") return message(found.study, "This study is closed. Thank you for reading.");
  if (found.state === "frozen") {
    message(found.study, "This study is paused. The page goes on by itself when it is open again.");
    setTimeout(async () => welcome(await me().catch(() => found)), 5000);
    return;
  }
  if (found.waits)
    return message(found.study, `Thank you. The next session begins on ${new Date(1000 * found.waits).toLocaleString([], { dateStyle: "full", timeStyle: "short" })}; come back with the same link.`);
  const next = found.remaining[0];
  if (!next) return message(found.study, `All ${found.total} films are read. Thank you, ${found.name}.`);
  const task = found.tasks[next.task]!;
  const { Room } = await viewer;
  room = new Room(found, queue, () => void again());
  const here = room;
  const begin = el("button", { class: "main", onclick: () => void here.begin() }, found.done ? "Go on" : "Begin");
  page(
    el("p", { class: "over" }, found.study),
    el("h1", {}, next.task),
    task.instructions ? el("p", { class: "lead" }, task.instructions) : "",
    el(
      "div",
      { class: "done" },
      el("progress", { max: found.total, value: found.done, "aria-label": "Your progress" }),
      el("p", {}, found.done ? `${found.done} of ${found.total} films read` : `${found.total} films, ${found.name}. Every stroke is kept at once: stop when you like, and come back with the same link.`),
    ),
    begin,
    keys(),
  );
  begin.focus();
  queue.flush().catch(() => undefined);
}

/** The next task, once everything is at the server. */
async function again(): Promise<void> {
  room = null;
  message("One moment", "Your last strokes are on their way…");
  for (;;) {
    await queue.flush();
    if (!queue.left) {
      const found = await me().catch(() => null);
      if (found) return welcome(found);
    }
    if (queue.left) message("Waiting for the server", WORDS[state[0]](state[1], state[2]));
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
}

function keys(): HTMLElement {
  const rows = [
    ["Left button, finger or pen", "draws, or what you chose"],
    ["Right button", "brightness and contrast"],
    ["Wheel, or two fingers", "zooms; the middle button moves"],
    ["D W P Z M", "draw, window, move, zoom, magnify"],
    ["I R O", "invert, reset, map on and off"],
    ["Y N, 1 to 9, Enter", "answer, and finish the film"],
    ["Ctrl+Z, Ctrl+Y, Del", "undo, redo, erase"],
  ];
  return el(
    "details",
    { class: "keys" },
    el("summary", {}, "Mouse, touch and keys"),
    el("dl", {}, ...rows.flatMap(([key, words]) => [el("dt", {}, key!), el("dd", {}, words!)])),
  );
}

function message(title: string, words: string): void {
  page(el("h1", {}, title), el("p", { class: "lead", role: "status" }, words));
}

function page(...children: (Node | string)[]): void {
  show(
    el("header", { class: "bar" }, el("span", { class: "brand" }, "heatproof"), el("span", { class: "study" }, "Reading room"), el("strong", {}, "Not a medical device")),
    el("main", { class: "page" }, ...children),
  );
}

void start();
