// What a person may do to a conversation: release its pin, close it, reset it, call a detection false, delete it.
// Must never be open to a key that is not an admin's, nor act on another tenant's conversation.

import { nextLife } from "../conversation/conversation.machine.ts";
import { dismissLatest, followEpisodes } from "../conversation/episodes.ts";
import { emptyEvidence } from "../conversation/evidence.ts";
import { nextPin } from "../conversation/pin.machine.ts";
import type { ConversationRecord, ThreadEntry, ThreadRecord } from "../conversation/record.ts";
import {
  nextThread,
  type ThreadEvent,
  type ThreadSnapshot,
} from "../conversation/thread.machine.ts";
import { throwFault } from "../turn/fault.ts";
import { defaultProfile } from "./receive.ts";
import {
  commitRows,
  conversationKey,
  loadThread,
  parseConversation,
  type RowsWrite,
} from "./rows.ts";
import type { Stations } from "./stations.ts";
import { toldIn } from "./told.ts";

export const ACTIONS = ["correct", "release-pin", "close", "reset", "false-positive"] as const;
export type Action = (typeof ACTIONS)[number];

/** Most rounds of compare-and-set for one action. */
const ACTION_ROUNDS_MAX = 32;

interface Acting {
  readonly tenant: string;
  readonly id: string;
  readonly action: Action;
}

export function readAction(body: unknown): Action {
  const named = typeof body === "object" && body !== null && "action" in body ? body.action : null;
  const action = ACTIONS.find((known) => known === named);
  if (action !== undefined) return action;
  const message = `\`action\` must be one of: ${ACTIONS.join(", ")}.`;
  return throwFault("invalid_request", message, { param: "action" });
}

/** Applies the action to the conversation and all of its threads. */
export function act(stations: Stations, acting: Acting): Promise<void> {
  const key = conversationKey(acting.tenant, acting.id);
  return stations.queue.run(key, async () => {
    for (let round = 0; round < ACTION_ROUNDS_MAX; round += 1) {
      if (await actOnce(stations, key, acting)) return;
      stations.counters.conflicts += 1;
    }
    throwFault("state_unavailable", "The conversation is too busy. Try again.", {
      retryAfterSeconds: 1,
    });
  });
}

/** False: a turn was stored in between. */
async function actOnce(stations: Stations, key: string, acting: Acting): Promise<boolean> {
  const stored = await stations.store.loadConversation(key);
  if (stored === null)
    return throwFault("not_found", "There is no such conversation for this key.");
  const record = parseConversation(stored.body);
  const acted = actOnRecord(record, acting.action, stations.clock.now());
  if (acted.threads.length === 0) {
    const { version, spentNanoUsd } = stored;
    const conversation = { key, version, spentNanoUsd, record: acted };
    return (await commitActed(stations, acting, { conversation, thread: null })) === "committed";
  }
  // Every thread has a row of its own; they are written one by one, each with the newest conversation row.
  let version = stored.version;
  let current = acted;
  let counted = record;
  for (const entry of acted.threads) {
    const row = await loadThread(stations, key, entry.id);
    const event = threadEvent(acting.action, entry);
    const thread = event === null ? row.record : actOnThread(row.record, event);
    current = withThreadState(current, entry.id, thread.machine.value);
    if (event !== null) {
      const machines = { before: row.record.machine, after: thread.machine };
      current = actOnEpisodes(current, { event, entry, ...machines, now: stations.clock.now() });
    }
    const conversation = { key, version, spentNanoUsd: stored.spentNanoUsd, record: current };
    const rows = { conversation, thread: { ...row, record: thread } };
    const outcome = await commitActed(stations, acting, rows);
    if (outcome === "conflict") return false;
    // What a person says of a loop makes no receipt.
    stations.metrics.countOutcomes(toldIn([{ before: counted, after: current }]));
    counted = current;
    version += 1;
  }
  return true;
}

function commitActed(
  stations: Stations,
  { tenant }: Acting,
  rows: Pick<RowsWrite, "conversation" | "thread">,
): Promise<"committed" | "conflict"> {
  const now = stations.clock.now();
  const profile =
    stations.config.profiles.get(rows.conversation.record.profile) ??
    defaultProfile(stations, "defaultConversationProfile");
  return commitRows(stations, {
    tenant,
    profile,
    ...rows,
    addSpentNanoUsd: 0,
    receipts: [],
    now,
  });
}

/** What a person called settled is counted from zero, or the very next repeat would bring it all back. */
function actOnThread(thread: ThreadRecord, event: ThreadEvent): ThreadRecord {
  const machine = nextThread(thread.machine, event);
  return event.type === "operator.corrected"
    ? { ...thread, machine }
    : { ...thread, machine, evidence: emptyEvidence() };
}

interface EpisodeAction {
  readonly event: ThreadEvent;
  readonly entry: ThreadEntry;
  readonly before: ThreadSnapshot;
  readonly after: ThreadSnapshot;
  readonly now: number;
}

/** What a person said of a loop is its outcome, even where another one had been told already. */
function actOnEpisodes(record: ConversationRecord, action: EpisodeAction): ConversationRecord {
  const { event, entry, before, after, now } = action;
  const dismissed = event.type === "operator.dismissed";
  if (dismissed && before.context.episode === null) return dismissLatest(record, entry.id);
  const outcome = event.type === "operator.reset" ? "reset" : null;
  return followEpisodes(record, {
    thread: entry.id,
    turn: record.turns,
    threadTurn: entry.turns,
    before: before.context,
    after: after.context,
    arm: "corrected",
    progress: false,
    byPerson: dismissed ? "dismissed" : outcome,
    now,
  });
}

function actOnRecord(record: ConversationRecord, action: Action, now: number): ConversationRecord {
  switch (action) {
    case "release-pin":
      return {
        ...record,
        updatedAt: now,
        pins: record.pins.map((pin) => ({
          ...pin,
          served: false,
          waiting: [],
          snapshot: nextPin(pin.snapshot, { type: "pin.released" }),
        })),
      };
    case "close":
      return {
        ...record,
        updatedAt: now,
        life: nextLife(record.life, { type: "operator.closed" }),
      };
    case "reset":
      return {
        ...record,
        updatedAt: now,
        life: nextLife(record.life, { type: "operator.reset" }),
        corrections: retireAll(record, "reset by a person"),
      };
    case "correct":
      return { ...record, updatedAt: now };
    case "false-positive":
      return { ...record, updatedAt: now, corrections: retireAll(record, "false positive") };
  }
}

function retireAll(record: ConversationRecord, reason: string): ConversationRecord["corrections"] {
  return record.corrections.map((correction) =>
    correction.retired === null ? { ...correction, retired: reason } : correction,
  );
}

function threadEvent(action: Action, entry: ThreadEntry): ThreadEvent | null {
  // The correction goes out with the next turn of the agent's main line of work.
  if (action === "correct" && entry.kind === "main") {
    return { type: "operator.corrected", turn: entry.turns + 1 };
  }
  if (action === "reset") return { type: "operator.reset" };
  return action === "false-positive" ? { type: "operator.dismissed" } : null;
}

function withThreadState(
  record: ConversationRecord,
  id: string,
  state: string,
): ConversationRecord {
  return {
    ...record,
    threads: record.threads.map((entry) => (entry.id === id ? { ...entry, state } : entry)),
  };
}
