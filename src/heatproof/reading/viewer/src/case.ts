/** One reading: what is said of a film, every change of it a stroke, and the way back. */

import type { Answer, Mark, Reading, Task } from "./api";
import type { Queue, Stroke } from "./queue";

export class Case {
  readonly answer: Answer;
  private undone: [Mark | null, Mark | null][] = [];
  private done: [Mark | null, Mark | null][] = [];

  constructor(
    readonly reading: Reading,
    readonly task: Task,
    private readonly queue: Queue,
    private readonly changed: () => void,
  ) {
    this.answer = structuredClone(reading.answer);
    for (const stroke of queue.of(reading.id)) this.apply(stroke);
  }

  say(kind: string, content: Record<string, unknown> = {}): void {
    this.apply(this.queue.add(this.reading.id, kind, content));
    this.changed();
  }

  mark(mark: Mark): void {
    const before = this.answer.marks.find((each) => each.id === mark.id) ?? null;
    if (before && JSON.stringify(before.points) === JSON.stringify(mark.points)) return;
    // The most representative point is one: a new one takes the place of the last.
    if (this.task.kind === "point" && !before)
      for (const other of [...this.answer.marks]) this.set(other, null);
    this.set(before, mark);
  }

  erase(id: string): void {
    const before = this.answer.marks.find((each) => each.id === id);
    if (before) this.set(before, null);
  }

  get canUndo(): boolean {
    return this.done.length > 0;
  }

  get canRedo(): boolean {
    return this.undone.length > 0;
  }

  undo(): void {
    const last = this.done.pop();
    if (!last) return;
    this.undone.push(last);
    this.turn(last[1], last[0]);
  }

  redo(): void {
    const next = this.undone.pop();
    if (!next) return;
    this.done.push(next);
    this.turn(next[0], next[1]);
  }

  /** What is still to be said; empty when the film can be finished. */
  get lacking(): string {
    const { yes, value, places, text } = this.answer;
    switch (this.task.kind) {
      case "decision":
        if (yes === null) return "Say yes or no.";
        return value === null ? "Say how sure you are." : "";
      case "map_rating":
        return value === null ? "Choose a word." : "";
      case "failures":
        return places.length || text.trim() ? "" : "Choose what the map points at, or write it.";
      default:
        return "";
    }
  }

  private set(before: Mark | null, after: Mark | null): void {
    this.done.push([before, after]);
    this.undone = [];
    this.turn(before, after);
  }

  private turn(before: Mark | null, after: Mark | null): void {
    if (after) this.say("mark", { mark: after.id, shape: after.shape, points: after.points });
    else if (before) this.say("erase", { mark: before.id });
  }

  private apply({ kind, content }: Stroke): void {
    const answer = this.answer;
    const id = content.mark as string;
    switch (kind) {
      case "open":
        answer.opened = true;
        break;
      case "mark": {
        const mark = { id, shape: content.shape, points: content.points } as Mark;
        const place = answer.marks.findIndex((each) => each.id === id);
        if (place < 0) answer.marks.push(mark);
        else answer.marks[place] = mark;
        break;
      }
      case "erase":
        answer.marks = answer.marks.filter((each) => each.id !== id);
        break;
      case "choose":
        answer.yes = content.yes as boolean;
        break;
      case "rate":
        answer.value = content.value as number;
        break;
      case "place":
        answer.places = answer.places.filter((each) => each !== content.place);
        if (content.on) answer.places.push(content.place as string);
        break;
      case "write":
        answer.text = content.text as string;
        break;
      case "done":
        answer.done = true;
    }
  }
}
