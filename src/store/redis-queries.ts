// Everything the Redis store reads and removes.
// Must treat the indexes as hints: what they name may be gone, and only the row itself is believed.

import type {
  ConversationListing,
  ConversationQuery,
  ConversationStore,
  Page,
} from "../conversation/store-port.ts";
import {
  checkLimit,
  decodeConversationCursor,
  decodeReceiptCursor,
  encodeConversationCursor,
  encodeReceiptCursor,
  type ConversationPosition,
} from "./cursor.ts";
import type { RedisConnection } from "./redis-connection.ts";

/** Index entries that a filtered list looks at together. */
const SCAN_STEP_ROWS = 200;
/** Most index entries one page looks at; a filtered page may therefore be short, or empty. */
const SCAN_ROWS_MAX = 2_000;
/** Most conversations one sweep removes. */
const SWEEP_ROWS_MAX = 500;
/** Most conversations with unreadable rows kept for a person to look at, and rows of each. */
const QUARANTINE_CONVERSATIONS_MAX = 100;
const QUARANTINE_ROWS_MAX = 10;
/** Longest unreadable body that is kept, in characters; the rest is cut off. */
const QUARANTINE_BODY_CHARACTERS_MAX = 262_144;
/** How long an unreadable row is kept: 30 days. */
const QUARANTINE_LIFETIME_MS = 30 * 24 * 60 * 60 * 1_000;

interface Scored {
  readonly member: string;
  readonly score: number;
}

/** Redis answers WITHSCORES with members and scores in turn. */
function readScored(reply: unknown): Scored[] {
  if (!Array.isArray(reply)) throw new TypeError("Redis did not answer with a list");
  const scored: Scored[] = [];
  for (let at = 0; at + 1 < reply.length; at += 2) {
    scored.push({ member: String(reply[at]), score: Number(reply[at + 1]) });
  }
  return scored;
}

/** A receipt is stored behind the time it expires at. */
function receiptBody(stored: string): string {
  return stored.slice(stored.indexOf(":") + 1);
}

export async function readReceipt(
  { redis, keys }: RedisConnection,
  tenant: string,
  requestId: string,
): Promise<string | null> {
  const [body = null, key = null] = await redis.mget(
    keys.statelessReceipt(tenant, requestId),
    keys.pointer(tenant, requestId),
  );
  if (body !== null || key === null) return body;
  const stored = await redis.hget(keys.receipts(tenant, key), requestId);
  return stored === null ? null : receiptBody(stored);
}

export async function listReceipts(
  { redis, keys }: RedisConnection,
  query: Parameters<ConversationStore["listReceipts"]>[0],
): Promise<Page<string>> {
  const { tenant, key, limit } = query;
  checkLimit(limit);
  const after = decodeReceiptCursor(query.cursor);
  const order = keys.receiptOrder(tenant, key);
  const found = readScored(
    await redis.zrange(order, `(${after}`, "+inf", "BYSCORE", "LIMIT", 0, limit + 1, "WITHSCORES"),
  );
  const page = found.slice(0, limit);
  const last = page.at(-1);
  if (last === undefined) return { items: [], cursor: null };
  const names = page.map(({ member }) => member);
  const stored = await redis.hmget(keys.receipts(tenant, key), ...names);
  return {
    items: stored.filter((receipt) => receipt !== null).map(receiptBody),
    cursor: found.length > limit ? encodeReceiptCursor(last.score) : null,
  };
}

/** Null when the row is gone, or is another tenant's. */
async function readListing(
  { redis, keys }: RedisConnection,
  tenant: string,
  key: string,
): Promise<ConversationListing | null> {
  const [owner, displayId, state, profile, ...numbers] = await redis.hmget(
    keys.row(key),
    "tenant",
    "displayId",
    "state",
    "profile",
    "turns",
    "createdAt",
    "updatedAt",
    "expiresAt",
    "spentNanoUsd",
  );
  if (owner !== tenant) return null;
  const [turns, createdAt, updatedAt, expiresAt, spentNanoUsd] = numbers.map(Number);
  return {
    key,
    displayId: displayId ?? "",
    state: state ?? "",
    profile: profile ?? "",
    turns: turns ?? 0,
    createdAt: createdAt ?? 0,
    updatedAt: updatedAt ?? 0,
    expiresAt: expiresAt ?? 0,
    spentNanoUsd: spentNanoUsd ?? 0,
  };
}

function isWanted(listing: ConversationListing, query: ConversationQuery): boolean {
  return (
    (query.state === null || listing.state === query.state) &&
    (query.profile === null || listing.profile === query.profile)
  );
}

/** Index entries that come after `position`, newest first; at least one, unless it is the end. */
async function readIndex(
  { redis }: RedisConnection,
  index: string,
  { position, rows }: { readonly position: ConversationPosition | null; readonly rows: number },
): Promise<ConversationPosition[]> {
  const start = position === null ? "+inf" : String(position.updatedAt);
  const isAhead = (entry: Scored): boolean =>
    position === null || entry.score < position.updatedAt || entry.member < position.key;
  for (let offset = 0; ; offset += rows) {
    const range = [index, start, "-inf", "BYSCORE", "REV", "LIMIT", offset, rows] as const;
    const entries = readScored(await redis.zrange(...range, "WITHSCORES"));
    const ahead = entries.filter(isAhead);
    // More conversations of one millisecond than fit a step: go on behind them.
    if (ahead.length === 0 && entries.length === rows) continue;
    return ahead.map(({ member, score }) => ({ updatedAt: score, key: member }));
  }
}

/** Goes on from the last entry rather than by a count: entries move while they are read. */
export async function listConversations(
  connection: RedisConnection,
  query: ConversationQuery,
): Promise<Page<ConversationListing>> {
  checkLimit(query.limit);
  const index = connection.keys.index(query.tenant);
  const filtered = query.state !== null || query.profile !== null;
  const rows = filtered ? SCAN_STEP_ROWS : query.limit + 1;
  const items: ConversationListing[] = [];
  let position = decodeConversationCursor(query.cursor);
  for (let scanned = 0; scanned < SCAN_ROWS_MAX;) {
    const entries = await readIndex(connection, index, { position, rows });
    if (entries.length === 0) return { items, cursor: null };
    const listings = await Promise.all(
      entries.map(({ key }) => readListing(connection, query.tenant, key)),
    );
    for (const [at, entry] of entries.entries()) {
      if (items.length === query.limit && position !== null) {
        return { items, cursor: encodeConversationCursor(position) };
      }
      position = entry;
      const listing = listings[at] ?? null;
      if (listing !== null && isWanted(listing, query)) items.push(listing);
    }
    scanned += entries.length;
  }
  return { items, cursor: position === null ? null : encodeConversationCursor(position) };
}

export async function quarantine(
  { redis, keys }: RedisConnection,
  row: { readonly key: string; readonly body: string; readonly reason: string },
): Promise<void> {
  const { key, reason } = row;
  const body = row.body.slice(0, QUARANTINE_BODY_CHARACTERS_MAX);
  const rows = keys.quarantined(key);
  await Promise.all([
    redis.lpush(rows, JSON.stringify({ reason, body })),
    redis.ltrim(rows, 0, QUARANTINE_ROWS_MAX - 1),
    redis.pexpire(rows, QUARANTINE_LIFETIME_MS),
  ]);
  await redis.zadd(keys.quarantine, await redis.incr(keys.quarantineSequence), key);
  const surplus = await redis.zrange(
    keys.quarantine,
    0,
    String(-(QUARANTINE_CONVERSATIONS_MAX + 1)),
  );
  for (const oldest of surplus) {
    await redis.unlink(keys.quarantined(oldest));
    await redis.zrem(keys.quarantine, oldest);
  }
}

export async function deleteConversation(
  connection: RedisConnection,
  tenant: string,
  key: string,
): Promise<boolean> {
  const { redis, keys } = connection;
  const names = [
    keys.row(key),
    keys.threads(key),
    keys.receipts(tenant, key),
    keys.receiptOrder(tenant, key),
    keys.quarantined(key),
  ];
  const deleted = await connection.run(connection.scripts.deleteConversation, names, [tenant]);
  if (deleted !== 1) return false;
  connection.inBackground(redis.zrem(keys.index(tenant), key));
  connection.inBackground(redis.zrem(keys.expiry, JSON.stringify([tenant, key])));
  return true;
}

/** An entry of the expiry index; null when it is not one that this store wrote. */
function readExpiryMember(member: string): { tenant: string; key: string } | null {
  try {
    const parts: unknown = JSON.parse(member);
    if (!Array.isArray(parts)) return null;
    const [tenant, key] = parts;
    return typeof tenant === "string" && typeof key === "string" ? { tenant, key } : null;
  } catch {
    return null;
  }
}

/** True when the conversation is gone; false when a newer commit had prolonged its life. */
async function sweepOne(
  connection: RedisConnection,
  member: string,
  now: number,
): Promise<boolean> {
  const { redis, keys } = connection;
  const entry = readExpiryMember(member);
  if (entry === null) {
    await redis.zrem(keys.expiry, member);
    return false;
  }
  const { tenant, key } = entry;
  const names = [keys.row(key), keys.threads(key)];
  const reply = await connection.run(connection.scripts.sweepConversation, names, [String(now)]);
  const expiresAt = Number(reply);
  if (expiresAt >= 0) {
    await redis.zadd(keys.expiry, expiresAt, member);
    return false;
  }
  await Promise.all([redis.zrem(keys.expiry, member), redis.zrem(keys.index(tenant), key)]);
  return true;
}

/** Redis removes expired rows by itself; this clears the indexes and what Redis' clock kept. */
export async function sweep(connection: RedisConnection, now: number): Promise<number> {
  const { redis, keys } = connection;
  const due = [keys.expiry, "-inf", String(now), "BYSCORE", "LIMIT", 0, SWEEP_ROWS_MAX] as const;
  const members = await redis.zrange(...due);
  const removed = await Promise.all(members.map((member) => sweepOne(connection, member, now)));
  return removed.filter(Boolean).length;
}
