// Writes the labelled conversations of set A: messages, call ids and the turn numbers of the label.
// Must never count turns by hand: a label that is one off makes an honest detector look wrong.

import type { CaseMessage, CaseToolCall, LabelledCase } from "./labelled-case.ts";

/** Text goes in as it is, anything else as JSON. */
export type Written = string | object;

/** Tool, arguments, result. */
export type Step = readonly [tool: string, input: Written, result: Written];

/** How a client names its calls; `reused` starts from `call_0` in every turn. */
type IdStyle = "openai" | "anthropic" | "short" | "counted" | "reused";

const ID_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

export const lines = (...parts: readonly string[]): string => parts.join("\n");

/** The numbers from 1 to `count`. */
export const upTo = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => index + 1);

/** Goes round the list, for talk that varies while the work does not. */
export const turning = (list: readonly string[], index: number): string =>
  list[index % list.length] ?? "";

/** Letters that look random and stay the same from run to run. */
export function code(seed: string, length: number): string {
  let state = 0x811c9dc5;
  for (const letter of seed) state = Math.imul(state ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  let written = "";
  while (written.length < length) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    written += ID_LETTERS.charAt((state >>> 8) % ID_LETTERS.length);
  }
  return written;
}

/** As `code`, in lower-case hex: hashes, request ids. */
export const hex = (seed: string, length: number): string =>
  Array.from(code(seed, length), (letter) => (letter.charCodeAt(0) % 16).toString(16)).join("");

const asText = (value: Written): string =>
  typeof value === "string" ? value : JSON.stringify(value);

export class Transcript {
  readonly #messages: CaseMessage[] = [];
  readonly #ids: IdStyle;
  readonly #seed: string;
  #turns = 0;
  #calls = 0;
  #begins = 0;
  #dueBy = 0;

  constructor(system: string | null, ids: IdStyle = "openai") {
    this.#ids = ids;
    this.#seed = system ?? "none";
    if (system !== null) this.#messages.push({ role: "system", content: system });
  }

  user(content: string): this {
    this.#messages.push({ role: "user", content });
    return this;
  }

  /** An assistant turn without tools. */
  say(content: string): this {
    this.#turns += 1;
    this.#messages.push({ role: "assistant", content });
    return this;
  }

  /** An assistant turn with one call, and the call's result. */
  call(...[tool, input, result, said]: readonly [...Step, said?: string]): this {
    return this.calls([[tool, input, result]], said);
  }

  /** An assistant turn with several calls, and their results in order. */
  calls(steps: readonly Step[], said?: string): this {
    this.#turns += 1;
    const written = steps.map(([tool, input], index) => this.#write(tool, input, index));
    this.#messages.push({ role: "assistant", content: said ?? null, tool_calls: written });
    for (const [index, [, , result]] of steps.entries()) {
      const id = written[index]?.id ?? "";
      this.#messages.push({ role: "tool", tool_call_id: id, content: asText(result) });
    }
    return this;
  }

  /** The next assistant turn is the first that repeats earlier work. */
  begins(): this {
    this.#begins = this.#turns + 1;
    return this;
  }

  /** The assistant turn written last is the one by which a person would have stepped in. */
  due(): this {
    this.#dueBy = this.#turns;
    return this;
  }

  /** Writes one repetition per item: the loop begins with the first and is due after `dueAfter`. */
  loop<Item>(
    items: readonly Item[],
    dueAfter: number,
    repeat: (item: Item, index: number) => void,
  ): this {
    this.begins();
    for (const [index, item] of items.entries()) {
      repeat(item, index);
      if (index + 1 === dueAfter) this.due();
    }
    return this;
  }

  diverging(id: string, why: string): LabelledCase {
    const loop = { begins: this.#begins, dueBy: this.#dueBy };
    return { id: `a/${id}`, why, loop, messages: this.#messages };
  }

  healthy(id: string, why: string): LabelledCase {
    return { id: `a/${id}`, why, loop: null, messages: this.#messages };
  }

  #write(tool: string, input: Written, position: number): CaseToolCall {
    this.#calls += 1;
    const id = this.#nextId(position);
    return { id, type: "function", function: { name: tool, arguments: asText(input) } };
  }

  #nextId(position: number): string {
    const seed = `${this.#seed}/${this.#calls}`;
    switch (this.#ids) {
      case "openai":
        return `call_${code(seed, 24)}`;
      case "anthropic":
        return `toolu_01${code(seed, 22)}`;
      case "short":
        return code(seed, 9);
      case "counted":
        return `call_${this.#calls}`;
      case "reused":
        return `call_${position}`;
    }
  }
}
