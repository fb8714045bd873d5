// Replays every transcript of a file or of standard input, one after another, and prints what was found.
// Must never stop at a bad line: it is named with its number, and the others are replayed.

import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import type { CommandIo } from "../check-command.ts";
import { errorCode } from "../config-files.ts";
import type { Profile } from "../turn/profile.ts";
import { replayTurns } from "./replay-transcript.ts";
import { AS_RECORDED, firstFired, jsonLine, plural, textOf } from "./report.ts";
import { readItems, type Item } from "./transcripts.ts";

const EXIT_OK = 0;
const EXIT_BAD_INPUT = 2;

export interface ReplayIo extends CommandIo {
  readonly stdin: AsyncIterable<Uint8Array>;
}

interface Run {
  readonly profile: Profile;
  readonly json: boolean;
  readonly io: ReplayIo;
}

/** `-` is standard input. Resolves with the exit code: 0 all replayed, 2 something could not be read. */
export async function replayFile(file: string, run: Run): Promise<number> {
  const { io } = run;
  const name = file === "-" ? "standard input" : file;
  const chunks = file === "-" ? io.stdin : createReadStream(resolve(io.workingDirectory, file));
  const fired: string[] = [];
  let transcripts = 0;
  let faults = 0;
  try {
    for await (const item of readItems(chunks)) {
      if (item.ok) {
        transcripts += 1;
        const pattern = replayOne(item, run);
        if (pattern !== null) fired.push(pattern);
      } else {
        faults += 1;
        io.error(`${name}, line ${item.line}: ${item.message}.\n`);
      }
    }
  } catch (error) {
    if (!isFileFault(error)) throw error;
    io.error(
      `${name} cannot be read (${errorCode(error)}). Name a file with a transcript a line.\n`,
    );
    return EXIT_BAD_INPUT;
  }
  if (transcripts + faults === 0) io.error(`${name} holds no transcript.\n`);
  if (!run.json && transcripts > 0) io.out(summary(transcripts, fired));
  return transcripts === 0 || faults > 0 ? EXIT_BAD_INPUT : EXIT_OK;
}

/** Pattern of the first correction; null: none would have been placed. */
function replayOne(item: Extract<Item, { ok: true }>, { profile, json, io }: Run): string | null {
  if (json) {
    const fired = firstFired(replayTurns(item.transcript, profile));
    io.out(jsonLine(item.id, fired));
    return fired?.correction?.pattern ?? null;
  }
  const turns = [...replayTurns(item.transcript, profile)];
  io.out(textOf({ id: item.id, turns }));
  return firstFired(turns)?.correction?.pattern ?? null;
}

/** What the system says of a file has a code and a call; anything else is a fault of ours. */
function isFileFault(error: unknown): boolean {
  return error instanceof Error && "code" in error && "syscall" in error;
}

function summary(transcripts: number, fired: readonly string[]): string {
  const patterns = [...new Set(fired)].toSorted().map((pattern) => {
    const count = fired.filter((other) => other === pattern).length;
    return `${pattern} ${count}`;
  });
  const named = patterns.length === 0 ? "" : ` (${patterns.join(", ")})`;
  const head = `${plural(transcripts, "transcript")}, ${fired.length} would be corrected${named}.`;
  return `${head}\n${AS_RECORDED}\n`;
}
