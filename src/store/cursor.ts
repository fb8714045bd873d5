// The opaque cursors of the store's lists: where a page ended, as URL-safe text.
// Must never hold a secret: a cursor travels through clients, and anyone can decode or forge one.

import { LIST_LIMIT_MAX } from "../conversation/store-port.ts";

/** Longest cursor that is looked at, in characters. A real one is far shorter. */
const CURSOR_CHARACTERS_MAX = 2_048;

/** The cursor was not one of this list: cut, forged, or taken from another list. */
export class InvalidCursorError extends Error {
  override readonly name = "InvalidCursorError";

  constructor() {
    super("The cursor is not one that this list gave out; start again without a cursor.");
  }
}

/** After this conversation, in the order `updatedAt` descending, then `key` descending. */
export interface ConversationPosition {
  readonly updatedAt: number;
  readonly key: string;
}

/** After this receipt; the number grows with every receipt of a conversation. */
export type ReceiptPosition = number;

function encode(parts: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(parts)).toString("base64url");
}

function decode(cursor: string): readonly unknown[] {
  if (cursor.length > CURSOR_CHARACTERS_MAX) throw new InvalidCursorError();
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    throw new InvalidCursorError();
  }
  if (!Array.isArray(parts)) throw new InvalidCursorError();
  return parts;
}

export function encodeConversationCursor(position: ConversationPosition): string {
  return encode(["conversation", position.updatedAt, position.key]);
}

/** Null stays null (the first page). Throws InvalidCursorError. */
export function decodeConversationCursor(cursor: string | null): ConversationPosition | null {
  if (cursor === null) return null;
  const [list, updatedAt, key, ...rest] = decode(cursor);
  const valid = list === "conversation" && rest.length === 0;
  if (!valid || typeof updatedAt !== "number" || typeof key !== "string") {
    throw new InvalidCursorError();
  }
  if (!Number.isSafeInteger(updatedAt)) throw new InvalidCursorError();
  return { updatedAt, key };
}

export function encodeReceiptCursor(position: ReceiptPosition): string {
  return encode(["receipt", position]);
}

/** Null becomes 0, which lies before the first receipt. Throws InvalidCursorError. */
export function decodeReceiptCursor(cursor: string | null): ReceiptPosition {
  if (cursor === null) return 0;
  const [list, position, ...rest] = decode(cursor);
  if (list !== "receipt" || rest.length > 0) throw new InvalidCursorError();
  if (typeof position !== "number" || !Number.isSafeInteger(position) || position < 0) {
    throw new InvalidCursorError();
  }
  return position;
}

/** Throws RangeError unless `limit` is a whole number from 1 to LIST_LIMIT_MAX. */
export function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_LIMIT_MAX) {
    throw new RangeError(`limit must be a whole number from 1 to ${LIST_LIMIT_MAX}, not ${limit}`);
  }
}
