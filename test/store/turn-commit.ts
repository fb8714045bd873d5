// Builds the commits that the store tests write, and the reload-and-retry loop of a real caller.

import type { ConversationStore, TurnCommit } from "../../src/conversation/store-port.ts";

export const HOUR_MS = 3_600_000;

export interface CommitFields {
  readonly tenant?: string;
  readonly key: string;
  readonly expectedVersion?: number;
  readonly body?: string;
  readonly addSpentNanoUsd?: number;
  readonly state?: string;
  readonly profile?: string;
  readonly updatedAt?: number;
  readonly expiresAt?: number;
  readonly thread?: TurnCommit["thread"];
  readonly requestIds?: readonly string[];
}

export function receiptOf(requestId: string, now = Date.now()): TurnCommit["receipts"][number] {
  const body = JSON.stringify({ requestId });
  return { requestId, at: now, expiresAt: now + HOUR_MS, body };
}

export function turnCommit(fields: CommitFields): TurnCommit {
  const now = Date.now();
  const { tenant = "acme", key, expectedVersion = 0, requestIds = [] } = fields;
  return {
    tenant,
    conversation: {
      key,
      expectedVersion,
      body: fields.body ?? `{"version":${expectedVersion + 1}}`,
      addSpentNanoUsd: fields.addSpentNanoUsd ?? 0,
      facets: {
        displayId: `display-${key}`,
        state: fields.state ?? "open",
        profile: fields.profile ?? "AGENT",
        turns: expectedVersion + 1,
        createdAt: now,
        updatedAt: fields.updatedAt ?? now,
        expiresAt: fields.expiresAt ?? now + HOUR_MS,
      },
    },
    thread: fields.thread ?? null,
    receipts: requestIds.map((requestId) => receiptOf(requestId, now)),
  };
}

export function statelessCommit(tenant: string, requestIds: readonly string[]): TurnCommit {
  const receipts = requestIds.map((requestId) => receiptOf(requestId));
  return { tenant, conversation: null, thread: null, receipts };
}

/** Adds `name` to the list in the body, and one nano-USD; tries until it is through. */
export async function commitUntilThrough(
  store: ConversationStore,
  { key, name, pad = "" }: { readonly key: string; readonly name: string; readonly pad?: string },
): Promise<void> {
  for (;;) {
    const stored = await store.loadConversation(key);
    const thread = await store.loadThread(key, "main");
    const body = stored === null ? { names: [] } : readNames(stored.body);
    const outcome = await store.commit(
      turnCommit({
        key,
        expectedVersion: stored?.version ?? 0,
        body: JSON.stringify({ names: [...body.names, name], pad }),
        addSpentNanoUsd: 1,
        thread: { thread: "main", expectedVersion: thread?.version ?? 0, body: `"${name}"` },
        requestIds: [name],
      }),
    );
    if (outcome === "committed") return;
  }
}

export function readNames(body: string): { names: string[] } {
  const parsed: unknown = JSON.parse(body);
  if (typeof parsed !== "object" || parsed === null || !("names" in parsed)) {
    throw new TypeError("the body is not one of commitUntilThrough");
  }
  const { names } = parsed;
  if (!Array.isArray(names)) throw new TypeError("names is not a list");
  return { names: names.map(String) };
}
