// The journals of one folder: this process appends to its own, and drains those that dead processes left as well.
// Must never touch the journal of a process that lives.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createJournal, type Journal } from "./journal.ts";

export interface SpillFolderOptions {
  readonly folder: string;
  /** Most bytes of one journal. */
  readonly bytesMax: number;
  readonly pid: number;
}

const JOURNAL_NAME = /^unsaved-(\d{1,10})\.jsonl(\.draining)?$/;
/** Most orphaned journals drained in one go. */
const ORPHANS_MAX = 64;

export function createSpillFolder({ folder, bytesMax, pid }: SpillFolderOptions): Journal {
  const journalOf = (owner: number): Journal =>
    createJournal({ file: join(folder, `unsaved-${owner}.jsonl`), bytesMax });
  const own = journalOf(pid);
  return {
    append: (line) => own.append(line),
    async drain(write) {
      let drained = await own.drain(write);
      for (const owner of await listOwners(folder)) {
        if (owner === pid || isAlive(owner)) continue;
        drained += await journalOf(owner).drain(write);
      }
      return drained;
    },
  };
}

async function listOwners(folder: string): Promise<readonly number[]> {
  try {
    const names = await readdir(folder);
    const owners = names.flatMap((name) => {
      const owner = JOURNAL_NAME.exec(name)?.[1];
      return owner === undefined ? [] : [Number(owner)];
    });
    return [...new Set(owners)].slice(0, ORPHANS_MAX);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** Signal 0 asks without sending; a process of another user counts as alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
