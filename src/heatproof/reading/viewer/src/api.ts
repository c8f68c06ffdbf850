/** What the server is asked. */

export interface Task {
  kind: "contour" | "point" | "boxes" | "decision" | "map_rating" | "failures";
  finding: string;
  instructions: string;
  version: string;
  scale: string[];
  limit_seconds: number | null;
  places?: string[];
}

export interface Me {
  csrf: string;
  key: string;
  study: string;
  state: "open" | "frozen" | "closed";
  admin: boolean;
  name: string;
  done: number;
  total: number;
  waits: number | null;
  remaining: { id: string; task: string }[];
  tasks: Record<string, Task>;
}

export interface Mark {
  id: string;
  shape: "contour" | "box" | "point";
  points: [number, number][];
}

export interface Answer {
  opened: boolean;
  done: boolean;
  marks: Mark[];
  yes: boolean | null;
  value: number | null;
  places: string[];
  text: string;
}

export interface Reading {
  id: string;
  task: string;
  training: boolean;
  height: number;
  width: number;
  map: boolean;
  answer: Answer;
}

export interface Picture {
  height: number;
  width: number;
  signed: boolean;
  data: ArrayBuffer;
}

export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly body: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

let csrf = "";

async function ask(path: string, body?: unknown): Promise<Response> {
  const sent: RequestInit =
    body === undefined
      ? {}
      : {
          method: "POST",
          headers: { "content-type": "application/json", "x-csrf-token": csrf },
          body: JSON.stringify(body),
        };
  const response = await fetch(path, { ...sent, credentials: "same-origin" });
  if (!response.ok) {
    const told = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    throw new Refused(response.status, String(told.error ?? response.statusText), told);
  }
  return response;
}

export async function get<T>(path: string): Promise<T> {
  return (await (await ask(path)).json()) as T;
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  return (await (await ask(path, body)).json()) as T;
}

export async function bytes(path: string): Promise<ArrayBuffer> {
  return (await ask(path)).arrayBuffer();
}

export async function picture(path: string): Promise<Picture> {
  const response = await ask(path);
  const number = (name: string) => Number(response.headers.get(name));
  const data = await response.arrayBuffer();
  return { height: number("x-height"), width: number("x-width"), signed: number("x-signed") === 1, data };
}

/** Enter by a link: its secret leaves the address bar at once. */
export async function enter(token: string): Promise<void> {
  history.replaceState(null, "", "/");
  csrf = (await post<{ csrf: string }>("/api/session", { token })).csrf;
}

export async function me(): Promise<Me> {
  const found = await get<Me>("/api/me");
  csrf = found.csrf;
  return found;
}
