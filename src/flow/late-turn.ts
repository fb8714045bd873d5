// A turn that comes late into the books: it was served while the store was down, or the store went away at its end.
// Must never count a turn twice, nor undo what newer turns have stored: it only adds.

import { z } from "zod";
import { leavePins, pinOf } from "../conversation/pins.ts";
import type { ConversationRecord } from "../conversation/record.ts";
import { addTotals, settlePin } from "../conversation/settle-turn.ts";
import { defaultProfile } from "./receive.ts";
import { commitRows, parseConversation } from "./rows.ts";
import type { Stations } from "./stations.ts";

/** Most rounds of compare-and-set: each lost one means that another turn of the conversation was stored. */
const LATE_ROUNDS_MAX = 64;

const tokens = z.number().nonnegative();

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

/** False: another turn was stored in between. */
async function storeOnce(
  stations: Stations,
  late: LateTurn,
  turn: NonNullable<LateTurn["conversation"]>,
): Promise<boolean> {
  const { tenant, receipt } = late;
  const { store } = stations;
  const stored = await store.loadConversation(turn.key);
  // A commit whose answer was lost may have happened.
  if ((await store.readReceipt(tenant, receipt.requestId)) !== null) return true;
  if (stored === null) {
    await storeReceipt(stations, late);
    return true;
  }
  const record = latePin(parseConversation(stored.body), late, turn);
  const { version, spentNanoUsd } = stored;
  const outcome = await commitRows(stations, {
    tenant,
    profile:
      stations.config.profiles.get(record.profile) ??
      defaultProfile(stations, "defaultConversationProfile"),
    conversation: {
      key: turn.key,
      version,
      spentNanoUsd,
      record: {
        ...record,
        turns: record.turns + (turn.counts ? 1 : 0),
        totals: addTotals(record.totals, { ...turn, pinMoved: false }),
      },
    },
    thread: null,
    addSpentNanoUsd: turn.costNanoUsd ?? 0,
    receipts: [receipt],
    answers: late.answers,
    now: stations.clock.now(),
  });
  return outcome === "committed";
}

/** Where newer turns were answered already, where they were is newer news than this one. */
function latePin(
  record: ConversationRecord,
  { receipt }: LateTurn,
  { served }: NonNullable<LateTurn["conversation"]>,
): ConversationRecord {
  const { requestId } = receipt;
  const pin = served === null ? null : pinOf(record, served.requested);
  if (pin === null || pin.served) return leavePins(record, requestId);
  return settlePin(record, { requestId, served, now: pin.usedAt });
}
