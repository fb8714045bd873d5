// Remembers the keys used last, up to a limit: the oldest ones are forgotten, so memory stays
// bounded.

export class RecentKeys {
  readonly #keys = new Set<string>();
  readonly #limit: number;

  /** `limit`: most keys remembered. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  get size(): number {
    return this.#keys.size;
  }

  add(key: string): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= this.#limit) return;
    const oldest = this.#keys.values().next();
    if (oldest.done !== true) this.#keys.delete(oldest.value);
  }
}
