/**
 * Strokes on their way to the server. Each is written into the browser's own database before it is
 * sent, and taken out once the server has it on its disk. So a killed server, a lost network and a
 * closed laptop cost nothing: what is left is sent again, in order, and what came twice counts once.
 */

import { post, Refused } from "./api";

export interface Stroke {
  id: string;
  reading: string;
  device: string;
  place: number;
  kind: string;
  content: Record<string, unknown>;
  at: number;
}

export type State = "saved" | "saving" | "waiting" | "paused" | "refused" | "entered";

const BATCH = 50;
const RETRY = [500, 1000, 2000, 4000];

export function name(): string {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return [...random].map((each) => each.toString(16).padStart(2, "0")).join("");
}

export class Queue {
  private waiting: Stroke[] = [];
  private database: IDBDatabase | null = null;
  private device = name();
  private place = 0;
  private running = false;
  private tries = 0;
  private timer = 0;
  private lastWrite: Promise<void> = Promise.resolve();

  constructor(private readonly told: (state: State, left: number, words: string) => void) {
    addEventListener("online", () => this.flush());
  }

  /** Open the database of a reader, and take up what earlier pages left in it. */
  async open(key: string): Promise<void> {
    try {
      this.database = await new Promise((resolve, reject) => {
        const request = indexedDB.open(`reading-${key}`, 1);
        request.onupgradeneeded = () => request.result.createObjectStore("strokes", { keyPath: "id" });
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      const left = await new Promise<Stroke[]>((resolve, reject) => {
        const request = this.store("readonly").getAll();
        request.onsuccess = () => resolve(request.result as Stroke[]);
        request.onerror = () => reject(request.error);
      });
      // Of several pages, each by its own device: in the order in which they were drawn.
      left.sort((a, b) => (a.device === b.device ? a.place - b.place : a.at - b.at));
      this.waiting.push(...left);
    } catch {
      this.database = null; // a browser that keeps nothing: strokes wait in memory alone
    }
    await this.flush();
  }

  get left(): number {
    return this.waiting.length;
  }

  /** What waits for a reading, in order. */
  of(reading: string): Stroke[] {
    return this.waiting.filter((stroke) => stroke.reading === reading);
  }

  add(reading: string, kind: string, content: Record<string, unknown> = {}): Stroke {
    this.place += 1;
    const stroke = {
      id: name(), reading, device: this.device, place: this.place, kind, content, at: Date.now() / 1000,
    };
    this.waiting.push(stroke);
    if (this.database) {
      this.lastWrite = new Promise((resolve) => {
        const request = this.store("readwrite").put(stroke);
        request.onsuccess = request.onerror = () => resolve();
      });
    }
    void this.flush();
    return stroke;
  }

  async flush(): Promise<void> {
    if (this.running) return;
    clearTimeout(this.timer);
    this.running = true;
    try {
      await this.lastWrite;
      while (this.waiting.length) {
        this.told(this.tries ? "waiting" : "saving", this.waiting.length, "");
        const device = this.waiting[0]!.device;
        const end = this.waiting.findIndex((stroke) => stroke.device !== device);
        const batch = this.waiting.slice(0, Math.min(BATCH, end < 0 ? this.waiting.length : end));
        const events = batch.map(({ device: _, ...event }) => event);
        const { last } = await post<{ last: number }>("/api/events", { device, events });
        this.tries = 0;
        this.take(batch.filter((stroke) => stroke.place <= last));
      }
      this.told("saved", 0, "");
    } catch (error) {
      this.failed(error);
    } finally {
      this.running = false;
    }
  }

  private failed(error: unknown): void {
    const status = error instanceof Refused ? error.status : 0;
    const words = error instanceof Error ? error.message : "";
    if (status === 409) {
      // The server lacks strokes that are here no more, such as after it was set back.
      this.renumber();
      this.again(0);
    } else if (status === 422 || status === 404) {
      // These strokes will never be taken: the film was finished elsewhere, for example.
      const refused = error instanceof Refused ? error.body.event : undefined;
      const reading = (this.waiting.find((each) => each.id === refused) ?? this.waiting[0]!).reading;
      this.take(this.of(reading));
      this.renumber();
      this.told("refused", this.waiting.length, words);
      this.again(0);
    } else if (status === 401 || status === 403) {
      this.told("entered", this.waiting.length, words);
    } else {
      this.told(status === 423 ? "paused" : "waiting", this.waiting.length, words);
      this.again(RETRY[Math.min(this.tries++, RETRY.length - 1)]!);
    }
  }

  private again(milliseconds: number): void {
    this.timer = window.setTimeout(() => void this.flush(), milliseconds);
  }

  /** Send what is left as a device of its own, from 1. */
  private renumber(): void {
    this.device = name();
    this.waiting.forEach((stroke, index) => {
      stroke.device = this.device;
      stroke.place = index + 1;
      if (this.database) this.store("readwrite").put(stroke);
    });
    this.place = this.waiting.length;
  }

  private take(strokes: Stroke[]): void {
    const ids = new Set(strokes.map((stroke) => stroke.id));
    this.waiting = this.waiting.filter((stroke) => !ids.has(stroke.id));
    if (this.database && ids.size) {
      const store = this.store("readwrite");
      for (const id of ids) store.delete(id);
    }
  }

  private store(mode: IDBTransactionMode): IDBObjectStore {
    return this.database!.transaction("strokes", mode).objectStore("strokes");
  }
}
