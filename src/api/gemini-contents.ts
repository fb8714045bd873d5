// The contents of a body as messages: which of them belong together, found without building them.
// Must never parse what a cheap look at its ends can tell.

import { parseSpan, scanObject, type Span } from "./json-scan.ts";

const OPEN_BRACE = 0x7b;
/** A role that stands first or last is found at the ends, up to so many bytes. */
const LOOK_BYTES = 64;
const ROLE_FIRST = /^\{\s*"role"\s*:\s*"(\w+)"/;
const ROLE_LAST = /"role"\s*:\s*"(\w+)"\s*\}$/;

/** Contents that make one message, as indices into the list; `last` is the last of them. */
export interface Run {
  readonly first: number;
  readonly last: number;
}

/** Clients keep each piece of a stream as a content of its own: what the model said in a row is one message. */
export function runsOf(body: Buffer, elements: readonly Span[]): readonly Run[] {
  const runs: Run[] = [];
  let before: string | null = null;
  for (const [index, element] of elements.entries()) {
    const role = roleAt(body, element);
    const run = role === "model" && before === "model" ? runs.pop() : undefined;
    runs.push({ first: run?.first ?? index, last: index });
    before = role;
  }
  return runs;
}

/** The role of a content; "user" where none is told, null for what is no content. */
export function roleAt(body: Buffer, element: Span): string | null {
  if (body[element.start] !== OPEN_BRACE) return null;
  const { start, end } = element;
  const tail = ROLE_LAST.exec(body.toString("latin1", Math.max(start, end - LOOK_BYTES), end));
  if (tail?.[1] !== undefined) return tail[1];
  const head = ROLE_FIRST.exec(body.toString("latin1", start, Math.min(end, start + LOOK_BYTES)));
  if (head?.[1] !== undefined) return head[1];
  const role = scanObject(body, element).get("role")?.value;
  const told = role === undefined ? null : parseSpan(body, role);
  return typeof told === "string" && told !== "" ? told : "user";
}
