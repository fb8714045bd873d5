// The spill file: what could not be stored waits here, a line each, until the store answers again.
// Must never grow beyond its bound, nor drop an acknowledged line before it was written.
// One process owns one journal file.

import { open, mkdir, readFile, rename, stat, truncate, unlink } from "node:fs/promises";
import { dirname } from "node:path";

/** After so many failures in a row the store is taken to be down, and draining stops. */
const FAILURES_IN_A_ROW_MAX = 3;

export interface Journal {
  /**
   * Resolves true once the line is on disk, false when the journal is full.
   * Rejects with TypeError when the line is empty or holds a line break, otherwise on a disk fault.
   */
  append(line: string): Promise<boolean>;
  /**
   * Hands each line to `write`, oldest first, and resolves with how many it took. A line whose
   * write rejects is kept. After a crash lines may come again, so writing them must be idempotent.
   */
  drain(write: (line: string) => Promise<void>): Promise<number>;
}

export interface JournalOptions {
  readonly file: string;
  /** Most bytes on disk, those that are just being drained included. */
  readonly bytesMax: number;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

async function sizeBytes(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (isMissing(error)) return "";
    throw error;
  }
}

async function writeDurably(file: string, flags: "a" | "w", text: string): Promise<void> {
  const handle = await open(file, flags, 0o600);
  try {
    await handle.appendFile(text);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Cuts off a line that a crash left unfinished: nobody was told that it is safe. */
async function cutTornLine(file: string): Promise<void> {
  const text = await readText(file);
  if (text === "" || text.endsWith("\n")) return;
  await truncate(file, Buffer.byteLength(text.slice(0, text.lastIndexOf("\n") + 1)));
}

interface Drained {
  readonly written: number;
  /** Lines that were not tried come first, so that a few poisoned ones cannot block the others. */
  readonly kept: readonly string[];
  readonly changed: boolean;
}

async function writeLines(
  lines: readonly string[],
  write: (line: string) => Promise<void>,
): Promise<Drained> {
  const failed: string[] = [];
  let written = 0;
  let failuresInARow = 0;
  for (const [at, line] of lines.entries()) {
    if (failuresInARow === FAILURES_IN_A_ROW_MAX) {
      return { written, kept: [...lines.slice(at), ...failed], changed: true };
    }
    try {
      await write(line);
      written += 1;
      failuresInARow = 0;
    } catch {
      // The writer knows why and reports it; here it only matters that the line stays.
      failed.push(line);
      failuresInARow += 1;
    }
  }
  return { written, kept: failed, changed: written > 0 };
}

/** Touches no file before its first use. */
export function createJournal(options: JournalOptions): Journal {
  const journal = new SpillJournal(options);
  return {
    append: (line) => journal.append(line),
    drain: (write) => journal.drain(write),
  };
}

class SpillJournal implements Journal {
  readonly #file: string;
  readonly #draining: string;
  readonly #rewritten: string;
  readonly #bytesMax: number;
  #ready: Promise<void> | null = null;
  #lastStep: Promise<unknown> = Promise.resolve();
  #running: Promise<number> | null = null;

  constructor({ file, bytesMax }: JournalOptions) {
    this.#file = file;
    this.#draining = `${file}.draining`;
    this.#rewritten = `${file}.rewritten`;
    this.#bytesMax = bytesMax;
  }

  async append(line: string): Promise<boolean> {
    if (line === "" || line.includes("\n")) {
      throw new TypeError("a journal line must not be empty or hold a line break");
    }
    return await this.#inTurn(async () => {
      const heldBytes = (await sizeBytes(this.#file)) + (await sizeBytes(this.#draining));
      if (heldBytes + Buffer.byteLength(line) + 1 > this.#bytesMax) return false;
      try {
        // Not before there is something to write: a gateway with nothing to spill leaves no folder.
        await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
        await writeDurably(this.#file, "a", `${line}\n`);
      } catch (error) {
        // The disk may have taken a part of the line: have it cut off before the next one.
        this.#ready = null;
        throw error;
      }
      return true;
    });
  }

  drain(write: (line: string) => Promise<void>): Promise<number> {
    this.#running ??= this.#drainOnce(write).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #drainOnce(write: (line: string) => Promise<void>): Promise<number> {
    await this.#inTurn(() => this.#moveToDraining());
    const lines = (await readText(this.#draining)).split("\n").filter((line) => line !== "");
    if (lines.length === 0) return 0;
    const { written, kept, changed } = await writeLines(lines, write);
    if (kept.length === 0) {
      await this.#inTurn(() => unlink(this.#draining));
    } else if (changed) {
      await this.#inTurn(async () => {
        await writeDurably(this.#rewritten, "w", kept.map((line) => `${line}\n`).join(""));
        await rename(this.#rewritten, this.#draining);
      });
    }
    return written;
  }

  /** Moves the lines behind those that an earlier drain left; a crash in between repeats lines. */
  async #moveToDraining(): Promise<void> {
    if ((await sizeBytes(this.#file)) === 0) return;
    if ((await sizeBytes(this.#draining)) === 0) {
      await rename(this.#file, this.#draining);
      return;
    }
    const lines = (await readText(this.#draining)) + (await readText(this.#file));
    await writeDurably(this.#rewritten, "w", lines);
    await rename(this.#rewritten, this.#draining);
    await unlink(this.#file);
  }

  /** Appends and renames of one journal happen one after the other. */
  #inTurn<Result>(step: () => Promise<Result>): Promise<Result> {
    const result = this.#lastStep.then(async () => {
      this.#ready ??= cutTornLine(this.#file);
      try {
        await this.#ready;
      } catch (error) {
        this.#ready = null;
        throw error;
      }
      return await step();
    });
    this.#lastStep = result.catch(() => undefined);
    return result;
  }
}
