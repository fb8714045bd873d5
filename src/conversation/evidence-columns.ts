// Reads the columns of a stored evidence window, one by one, with their bounds.
// Must never put what it refuses into an error: a fault names the column only.

import { TOKEN_CHARACTERS } from "./divergence/sketch.ts";

export class Columns {
  readonly #value: object;

  /** Throws a TypeError when the value is no object. */
  constructor(value: unknown) {
    if (typeof value !== "object" || value === null) throw this.refusal("the whole");
    this.#value = value;
  }

  get(name: string): unknown {
    return Reflect.get(this.#value, name);
  }

  refusal(column: string): TypeError {
    return new TypeError(`Stored evidence cannot be read: ${column} does not fit.`);
  }

  refuse(column: string): never {
    throw this.refusal(column);
  }

  text(name: string): string {
    const value = this.get(name);
    return typeof value === "string" ? value : this.refuse(name);
  }

  list(name: string): readonly unknown[] {
    const value = this.get(name);
    return Array.isArray(value) ? value : this.refuse(name);
  }

  texts(name: string, max: { length: number; characters: number }): readonly string[] {
    const value = this.list(name);
    const fits = (item: unknown): item is string =>
      typeof item === "string" && item.length <= max.characters;
    return value.length <= max.length && value.every(fits) ? value : this.refuse(name);
  }

  numbers(name: string, count: number, options = { negative: false }): readonly number[] {
    const value = this.list(name);
    const fits = (item: unknown): item is number =>
      Number.isSafeInteger(item) && (options.negative || Number(item) >= 0);
    return value.length === count && value.every(fits) ? value : this.refuse(name);
  }

  /** Cuts a run of hashes of equal width. */
  hashes(name: string, width: number): readonly string[] {
    const text = this.text(name);
    if (text.length % width !== 0 || !/^[\w-]*$/.test(text)) throw this.refusal(name);
    const hashes: string[] = [];
    for (let start = 0; start < text.length; start += width) {
      hashes.push(text.slice(start, start + width));
    }
    return hashes;
  }

  isSketch(text: string, max: number): boolean {
    if (text.length > max * TOKEN_CHARACTERS || text.length % TOKEN_CHARACTERS !== 0) return false;
    return /^[\w-]*$/.test(text);
  }
}
