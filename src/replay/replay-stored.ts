// Prints what the detector makes of a stored conversation under other settings, beside what was decided then.
// Must never pass over what the store cannot tell: it holds fingerprints and receipts, not messages.

import type { Config } from "../config.ts";
import type { CommandIo } from "../check-command.ts";
import type { Profile } from "../turn/profile.ts";
import { replayEvidence } from "./replay-evidence.ts";
import { AS_RECORDED, firstFired, jsonLine, plural, textOf } from "./report.ts";
import { loadStored, type StoredThread } from "./stored-conversation.ts";

const EXIT_OK = 0;
const EXIT_FAULT = 1;

const UNKNOWN = `What the store cannot tell: it holds fingerprints of the newest calls and results, not the messages.
Older turns are not judged, and what counts as the same was settled when a turn came. Nor are answers
read again for repetition within them. Each thread is judged as if it had the conversation's
corrections to itself. Turns are numbered as in the receipts; a correction goes out with its turn.
`;

interface StoredRun {
  readonly conversation: { readonly tenant: string; readonly id: string };
  readonly config: Config;
  readonly profile: Profile;
  readonly json: boolean;
  readonly io: CommandIo;
}

/** Resolves with the exit code: 0 replayed, 1 the store or the conversation cannot be read. */
export async function replayStored(run: StoredRun): Promise<number> {
  const { io, json, conversation } = run;
  const stored = await loadStored(run.config, conversation);
  if (!stored.ok) {
    io.error(`${stored.message}\n`);
    return EXIT_FAULT;
  }
  for (const thread of stored.threads) {
    const { entry, thread: row, turns } = thread;
    const replayed = [...replayEvidence(row.evidence, turns, run.profile.divergence)];
    if (json) {
      io.out(jsonLine(conversation.id, firstFired(replayed)));
    } else {
      const id = `${conversation.id}, ${entry.kind} thread ${entry.id}`;
      io.out(textOf({ id, turns: replayed }).trimEnd());
      io.out(`\n${recordedThen(thread)}\n`);
    }
  }
  if (!json) io.out(`${AS_RECORDED}\n${UNKNOWN}`);
  return EXIT_OK;
}

function recordedThen({ entry, thread }: StoredThread): string {
  const steps = plural(thread.evidence.steps.length, "remembered step");
  const verdicts = thread.verdicts.map(
    ({ turn, severity, pattern }) => `turn ${turn} ${severity} (${pattern ?? "unnamed"})`,
  );
  const then = verdicts.length === 0 ? "nothing was seen" : verdicts.join(", ");
  return `  ${steps} of ${plural(entry.turns, "turn")}. Then: ${then}; state ${entry.state}.\n`;
}
