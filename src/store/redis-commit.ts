// One commit of a turn against Redis: one script for all that shares the conversation's slot.
// What lies in other slots is best effort: readers bear it being late, stale or missing.

import type { ConversationWrite, ReceiptWrite, TurnCommit } from "../conversation/store-port.ts";
import type { RedisConnection } from "./redis-connection.ts";

function turnArguments(commit: TurnCommit, conversation: ConversationWrite): string[] {
  const { facets } = conversation;
  const { thread, receipts } = commit;
  return [
    commit.tenant,
    String(conversation.expectedVersion),
    conversation.body,
    String(conversation.addSpentNanoUsd),
    facets.displayId,
    facets.state,
    facets.profile,
    String(facets.turns),
    String(facets.createdAt),
    String(facets.updatedAt),
    String(facets.expiresAt),
    thread === null ? "0" : "1",
    thread?.thread ?? "",
    String(thread?.expectedVersion ?? 0),
    thread?.body ?? "",
    ...receipts.flatMap(({ requestId, at, expiresAt, body }) => [
      requestId,
      String(at),
      String(expiresAt),
      body,
    ]),
  ];
}

/**
 * Sent ahead of the script in the same packet, so that no crash of the gateway can come between.
 * One that points at a receipt which is not there, after a conflict, does no harm.
 */
function pointToReceipts(connection: RedisConnection, tenant: string, commit: TurnCommit): void {
  const { redis, keys } = connection;
  const key = commit.conversation?.key;
  if (key === undefined) return;
  for (const { requestId, expiresAt } of commit.receipts) {
    const pointer = keys.pointer(tenant, requestId);
    connection.inBackground(redis.set(pointer, key, "PXAT", Math.max(expiresAt, 1)));
  }
}

/** In slots of their own. One that stands for a turn that was not stored, after a conflict, does no harm. */
function writeAnswers({ redis, keys }: RedisConnection, { answers = [] }: TurnCommit) {
  return answers.map(({ key, body, expiresAt }) =>
    redis.set(keys.answer(key), body, "PXAT", Math.max(expiresAt, 1)),
  );
}

function indexConversation(
  connection: RedisConnection,
  tenant: string,
  { key, facets }: ConversationWrite,
): void {
  const { redis, keys } = connection;
  // GT: the index of an older commit may arrive after that of a newer one.
  connection.inBackground(redis.zadd(keys.index(tenant), "GT", facets.updatedAt, key));
  const member = JSON.stringify([tenant, key]);
  connection.inBackground(redis.zadd(keys.expiry, "GT", facets.expiresAt, member));
}

async function appendStateless(
  connection: RedisConnection,
  tenant: string,
  receipt: ReceiptWrite,
): Promise<void> {
  const { redis, keys } = connection;
  const key = await redis.get(keys.pointer(tenant, receipt.requestId));
  // A spilled receipt may return although its turn was stored after all.
  if (key !== null && (await redis.hexists(keys.receipts(tenant, key), receipt.requestId)) === 1) {
    return;
  }
  const name = keys.statelessReceipt(tenant, receipt.requestId);
  await redis.set(name, receipt.body, "PXAT", Math.max(receipt.expiresAt, 1), "NX");
}

/** Takes what passed `checkCommit`. Receipts without a conversation are stored one by one. */
export async function commitToRedis(
  connection: RedisConnection,
  commit: TurnCommit,
): Promise<"committed" | "conflict"> {
  const { keys } = connection;
  const { tenant, conversation, receipts } = commit;
  const answers = writeAnswers(connection, commit);
  if (conversation === null) {
    const stored = receipts.map((receipt) => appendStateless(connection, tenant, receipt));
    await Promise.all([...answers, ...stored]);
    return "committed";
  }
  for (const answer of answers) connection.inBackground(answer);
  const { key } = conversation;
  pointToReceipts(connection, tenant, commit);
  const reply = await connection.run(
    connection.scripts.commitTurn,
    [keys.row(key), keys.threads(key), keys.receipts(tenant, key), keys.receiptOrder(tenant, key)],
    turnArguments(commit, conversation),
  );
  if (reply !== 1) return "conflict";
  indexConversation(connection, tenant, conversation);
  return "committed";
}
