// A turn that comes late into the books: it was served while the store was down, or the store went away at its end.
// Must never count a turn twice, nor undo what newer turns have stored: it only adds.

import { z } from "zod";
import { BUDGET_PATTERN } from "../conversation/corrections.ts";
import { leavePins, pinOf } from "../conversation/pins.ts";
import {
  newConversation,
  pinEntrySchema,
  PINS_MAX,
  type ConversationRecord,
} from "../conversation/record.ts";
import { addTotals, settlePin } from "../conversation/settle-turn.ts";
import { defaultProfile } from "./receive.ts";
import {
  commitRows,
  loadThread,
  parseConversation,
  type ConversationRow,
  type ThreadRow,
} from "./rows.ts";
import type { Stations } from "./stations.ts";

/** Most rounds of compare-and-set: each lost one means that another turn of the conversation was stored. */
const LATE_ROUNDS_MAX = 64;

const tokens = z.number().nonnegative();

/** All that a conversation without a row is made of. */
const begunSchema = z.object({
  displayId: z.string(),
  identity: z.string(),
  profile: z.string(),
  budgetNanoUsd: z.number().nullable(),
  createdAt: z.number(),
  pins: z.array(pinEntrySchema).max(PINS_MAX),
});

const lateTurnSchema = z.object({
  tenant: z.string(),
  receipt: z.object({
    requestId: z.string(),
    at: z.number(),
    expiresAt: z.number(),
    body: z.string(),
  }),
  /** Where its answer was given, for requests that go on from it. */
  answers: z
    .array(z.object({ key: z.string(), body: z.string(), expiresAt: z.number() }))
    .default([]),
  /** Null on the stateless path. */
  conversation: z
    .object({
      key: z.string(),
      /** False for side requests, resends, and turns that were counted before their bytes went out. */
      counts: z.boolean(),
      /** Id of its thread; null in lines of an earlier version. */
      thread: z.string().nullable().default(null),
      /** Its decision was not known to be stored, so that no correction of its own was sent. */
      unsent: z.boolean().default(false),
      /** Not null: the conversation began while the store was down, as far as this process knows. */
      begun: begunSchema.nullable().default(null),
      outcome: z.enum(["completed", "failed", "aborted", "cut", "ended"]),
      costNanoUsd: z.number().nullable(),
      /** What answered, for the pin; null when nothing did, or when the profile pins nothing. */
      served: z
        .object({
          requested: z.string(),
          deployment: z.string(),
          model: z.string(),
          exception: z.boolean().default(false),
        })
        .nullable()
        .default(null),
      usage: z.object({
        inputTokens: tokens,
        outputTokens: tokens,
        cacheReadTokens: tokens,
        cacheWriteTokens: tokens,
        reasoningTokens: tokens,
      }),
    })
    .nullable()
    .default(null),
});

export type LateTurn = z.infer<typeof lateTurnSchema>;

/** Reads a line of the journal. Throws on anything else. */
export function readLateTurn(line: string): LateTurn {
  return lateTurnSchema.parse(JSON.parse(line));
}

/** Stores the receipt, and adds the turn and its cost to its conversation. Rejects while the store is down. */
export function storeLateTurn(stations: Stations, late: LateTurn): Promise<void> {
  const { conversation } = late;
  if (conversation === null) return storeReceipt(stations, late);
  return stations.queue.run(conversation.key, async () => {
    for (let round = 0; round < LATE_ROUNDS_MAX; round += 1) {
      if (await storeOnce(stations, late, conversation)) return;
      stations.counters.conflicts += 1;
    }
    throw new Error("the conversation changed too often to take a late turn");
  });
}

async function storeReceipt(stations: Stations, late: LateTurn): Promise<void> {
  const { tenant, receipt, answers } = late;
  const receipts = [receipt];
  await stations.store.commit({ tenant, conversation: null, thread: null, receipts, answers });
}

type LateConversation = NonNullable<LateTurn["conversation"]>;

/** False: another turn was stored in between. */
async function storeOnce(
  stations: Stations,
  late: LateTurn,
  turn: LateConversation,
): Promise<boolean> {
  const { tenant, receipt } = late;
  const { store } = stations;
  const stored = await store.loadConversation(turn.key);
  // A commit whose answer was lost may have happened.
  if ((await store.readReceipt(tenant, receipt.requestId)) !== null) return true;
  const begun = stored === null ? begunRecord(stations, late, turn) : null;
  if (stored === null && begun === null) {
    await storeReceipt(stations, late);
    return true;
  }
  const row: ConversationRow = {
    key: turn.key,
    version: stored?.version ?? 0,
    spentNanoUsd: stored?.spentNanoUsd ?? 0,
    record: begun ?? parseConversation(stored?.body ?? ""),
  };
  const thread = await pendingThread(stations, late, turn);
  const counts = turn.counts && thread === null && !hasDecided(row.record, receipt.requestId);
  const sent = thread !== null && turn.unsent ? withoutUnsent(row.record, late) : row.record;
  const record = latePin(sent, late, turn);
  const outcome = await commitRows(stations, {
    tenant,
    profile:
      stations.config.profiles.get(record.profile) ??
      defaultProfile(stations, "defaultConversationProfile"),
    conversation: {
      ...row,
      record: {
        ...record,
        turns: record.turns + (counts ? 1 : 0),
        totals: addTotals(record.totals, { ...turn, pinMoved: false }),
      },
    },
    thread,
    addSpentNanoUsd: turn.costNanoUsd ?? 0,
    receipts: [receipt],
    answers: late.answers,
    now: stations.clock.now(),
  });
  return outcome === "committed";
}

/** The row of a conversation that never had one; null where there was one once, which has been deleted since. */
function begunRecord(
  stations: Stations,
  { tenant }: LateTurn,
  { key, begun }: LateConversation,
): ConversationRecord | null {
  const known = stations.pinCache.recall(key);
  if (begun === null || known?.stored === true) return null;
  const { createdAt, pins, ...about } = begun;
  // Turns beside this one may have told the cache more than this one has seen.
  return {
    ...newConversation({ tenant, ...about, now: createdAt }),
    pins: [...(known?.pins ?? pins)],
  };
}

/**
 * The turn's thread, no longer waiting for it. Not null: what was decided before its bytes has been stored after all,
 * and nothing newer of this thread.
 */
async function pendingThread(
  stations: Stations,
  { receipt }: LateTurn,
  { key, thread: id, outcome }: LateConversation,
): Promise<ThreadRow | null> {
  if (id === null) return null;
  const row = await loadThread(stations, key, id);
  const { lastTurn } = row.record;
  if (lastTurn?.requestId !== receipt.requestId || lastTurn.outcome !== "pending") return null;
  return { ...row, record: { ...row.record, lastTurn: { ...lastTurn, outcome } } };
}

/** The same, where newer turns of the thread have been stored: what a decision leaves in the conversation. */
function hasDecided({ corrections, pins }: ConversationRecord, requestId: string): boolean {
  const corrects = corrections.some(({ id }) => id.startsWith(`${requestId}.`));
  return (
    corrects || pins.some(({ waiting }) => waiting.some(({ request }) => request === requestId))
  );
}

/** What no model has read is due again, at the end of the next turn. The note about the budget is given only once. */
function withoutUnsent(record: ConversationRecord, { receipt }: LateTurn): ConversationRecord {
  const corrections = record.corrections.filter(
    ({ id, pattern }) => pattern === BUDGET_PATTERN || !id.startsWith(`${receipt.requestId}.`),
  );
  return { ...record, corrections };
}

/** Where newer turns were answered already, where they were is newer news than this one. */
function latePin(
  record: ConversationRecord,
  { receipt }: LateTurn,
  { served }: LateConversation,
): ConversationRecord {
  const { requestId } = receipt;
  const pin = served === null ? null : pinOf(record, served.requested);
  if (pin === null || pin.served) return leavePins(record, requestId);
  return settlePin(record, { requestId, served, now: pin.usedAt });
}
