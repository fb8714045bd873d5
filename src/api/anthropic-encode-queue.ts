// The blocks of a streamed message, one after the other, although a model may write several at once.
// Must never hold back the block that is open: only what belongs behind it waits.

import { messageEvent } from "./anthropic-event.ts";

interface QueuedBlock {
  readonly id: string;
  readonly start: { readonly type: string };
  /** Deltas that came while an earlier block was open. */
  waiting: object[];
  closed: boolean;
}

export class BlockQueue {
  /** The blocks that are not written to their end, the open one first. */
  readonly #blocks: QueuedBlock[] = [];
  #index = 0;
  #calls = false;

  isOpen(id: string): boolean {
    return this.#find(id) !== undefined;
  }

  /** Whether a call of a tool is among the blocks. */
  hasCalls(): boolean {
    return this.#calls;
  }

  open(id: string, start: { readonly type: string }): string {
    if (start.type === "tool_use") this.#calls = true;
    this.#blocks.push({ id, start, waiting: [], closed: false });
    return this.#blocks.length === 1 ? this.#startFirst() : "";
  }

  /** `start`: how the block begins where nobody opened it; null: then there is none. */
  delta(id: string, start: { readonly type: string } | null, delta: object): string {
    const found = this.#find(id);
    if (found === undefined && start === null) return "";
    const opened = found === undefined && start !== null ? this.open(id, start) : "";
    const block = this.#find(id);
    if (block === undefined) return opened;
    if (block === this.#blocks[0]) return opened + this.#delta(delta);
    block.waiting.push(delta);
    return opened;
  }

  close(id: string): string {
    const block = this.#find(id);
    if (block === undefined) return "";
    block.closed = true;
    return block === this.#blocks[0] ? this.#endFirst() : "";
  }

  /** Some providers end a text only at the very end: a call behind it would have to wait for that. */
  closeTexts(): string {
    const texts = this.#blocks.filter(({ start, closed }) => start.type === "text" && !closed);
    return texts.map(({ id }) => this.close(id)).join("");
  }

  closeAll(): string {
    for (const block of this.#blocks) block.closed = true;
    return this.#blocks.length === 0 ? "" : this.#endFirst();
  }

  #find(id: string): QueuedBlock | undefined {
    // The newest: some providers use an id again once its block is closed.
    return this.#blocks.findLast((block) => block.id === id && !block.closed);
  }

  #startFirst(): string {
    const first = this.#blocks[0];
    if (first === undefined) return "";
    const start = { type: "content_block_start", index: this.#index, content_block: first.start };
    const waited = first.waiting.map((delta) => this.#delta(delta)).join("");
    first.waiting = [];
    return messageEvent(start) + waited;
  }

  #delta(delta: object): string {
    return messageEvent({ type: "content_block_delta", index: this.#index, delta });
  }

  /** Ends the first block, and writes what waited behind it up to the next one that is open. */
  #endFirst(): string {
    let written = "";
    while (this.#blocks[0]?.closed === true) {
      written += messageEvent({ type: "content_block_stop", index: this.#index });
      this.#blocks.shift();
      this.#index += 1;
      written += this.#startFirst();
    }
    return written;
  }
}
