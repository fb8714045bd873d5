// The rows of a conversation on their way from and to the store: loading, poison, versions.
// Must never trust an unreadable row, overwrite a newer one, or let a failing store stop a turn by itself.

import { hash } from "node:crypto";
import { z } from "zod";
import { pinSnapshotSchema } from "../conversation/pin.machine.ts";
import {
  newThread,
  readConversation,
  summaryState,
  type ConversationRecord,
  type ThreadRecord,
} from "../conversation/record.ts";
import type { AnswerWrite, ReceiptWrite, TurnCommit } from "../conversation/store-port.ts";
import { FaultError, makeFault } from "../turn/fault.ts";
import type { Profile } from "../turn/profile.ts";
import type { Stations } from "./stations.ts";

export interface ConversationRow {
  readonly key: string;
  /** 0: not stored yet. */
  readonly version: number;
  readonly spentNanoUsd: number;
  readonly record: ConversationRecord;
}

export interface ThreadRow {
  readonly id: string;
  readonly version: number;
  readonly record: ThreadRecord;
}

/** The key of a conversation: another tenant's id is another conversation. */
export function conversationKey(tenant: string, id: string): string {
  return hash("sha256", `${tenant}\0${id}`, "base64url").slice(0, 32);
}

/** Null: no such row. An unreadable one is quarantined and `make` takes its place (I8). */
export async function loadConversation(
  stations: Stations,
  key: string,
  make: (pins: ConversationRecord["pins"]) => ConversationRecord,
): Promise<ConversationRow> {
  const stored = await stations.store.loadConversation(key);
  if (stored === null) return { key, version: 0, spentNanoUsd: 0, record: make([]) };
  const { version, spentNanoUsd, body } = stored;
  try {
    return { key, version, spentNanoUsd, record: stations.memo.conversations.read(key, body) };
  } catch (error) {
    await quarantine(stations, { key, body, error });
    return { key, version, spentNanoUsd, record: make(salvagePins(body)) };
  }
}

export async function loadThread(stations: Stations, key: string, id: string): Promise<ThreadRow> {
  const stored = await stations.store.loadThread(key, id);
  if (stored === null) return { id, version: 0, record: newThread() };
  try {
    return {
      id,
      version: stored.version,
      record: stations.memo.threads.read(`${key} ${id}`, stored.body),
    };
  } catch (error) {
    await quarantine(stations, { key, body: stored.body, error });
    return { id, version: stored.version, record: newThread() };
  }
}

async function quarantine(
  stations: Stations,
  row: { readonly key: string; readonly body: string; readonly error: unknown },
): Promise<void> {
  stations.counters.quarantined += 1;
  const reason = row.error instanceof Error ? row.error.name : "unreadable";
  stations.log.error({ conversationKey: row.key, reason }, "unreadable row quarantined");
  await stations.store.quarantine(row.key, row.body, reason);
}

const pinsOnly = z.object({
  pins: z.array(
    z.object({
      requested: z.string(),
      snapshot: z.unknown(),
      served: z.boolean(),
      usedAt: z.number(),
    }),
  ),
});

/** The pin is kept if it can still be read, whatever happened to the rest. */
function salvagePins(body: string): ConversationRecord["pins"] {
  try {
    const { pins } = pinsOnly.parse(JSON.parse(body));
    return pins.flatMap((pin) => readPin(pin));
  } catch {
    // Nothing readable is left of it: the receipt will say that the pin was lost.
    return [];
  }
}

function readPin(pin: z.infer<typeof pinsOnly>["pins"][number]): ConversationRecord["pins"] {
  const snapshot = pinSnapshotSchema.safeParse(pin.snapshot);
  return snapshot.success ? [{ ...pin, snapshot: snapshot.data, waiting: [] }] : [];
}

/** For reading back: a row that cannot be read is said to be so, rather than shown half. */
export function parseConversation(body: string): ConversationRecord {
  try {
    return readConversation(body);
  } catch (error) {
    const message = "The stored conversation cannot be read; its next turn will quarantine it.";
    throw new FaultError(makeFault("internal", message), error);
  }
}

export interface RowsWrite {
  readonly tenant: string;
  readonly profile: Profile;
  readonly conversation: ConversationRow;
  /** Null: no thread is touched. */
  readonly thread: ThreadRow | null;
  readonly addSpentNanoUsd: number;
  readonly receipts: readonly ReceiptWrite[];
  readonly answers?: readonly AnswerWrite[];
  readonly now: number;
}

/**
 * Writes both rows on top of the versions they were read at, and the receipts, in one transaction.
 * `conflict`: another turn was stored in between, and nothing of this was.
 */
export async function commitRows(
  stations: Stations,
  write: RowsWrite,
): Promise<"committed" | "conflict"> {
  const { conversation, thread } = write;
  const commit = rowsCommit(write);
  const outcome = await stations.store.commit(commit);
  if (outcome === "conflict") return outcome;
  const { conversations, threads } = stations.memo;
  if (commit.conversation !== null) {
    conversations.remember(conversation.key, commit.conversation.body, conversation.record);
  }
  if (commit.thread !== null && thread !== null) {
    threads.remember(`${conversation.key} ${thread.id}`, commit.thread.body, thread.record);
  }
  stations.pinCache.remember(conversation.key, conversation.record);
  return outcome;
}

function rowsCommit(write: RowsWrite): TurnCommit {
  const { conversation, thread, now } = write;
  const { record } = conversation;
  return {
    tenant: write.tenant,
    conversation: {
      key: conversation.key,
      expectedVersion: conversation.version,
      body: JSON.stringify(record),
      facets: {
        displayId: record.displayId,
        state: summaryState(record),
        profile: record.profile,
        turns: record.turns,
        createdAt: record.createdAt,
        updatedAt: now,
        expiresAt: now + write.profile.idleMs,
      },
      addSpentNanoUsd: write.addSpentNanoUsd,
    },
    thread:
      thread === null
        ? null
        : {
            thread: thread.id,
            expectedVersion: thread.version,
            body: JSON.stringify(thread.record),
          },
    receipts: write.receipts,
    answers: write.answers ?? [],
  };
}
