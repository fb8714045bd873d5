// Runs random commits, deletions and readings against a store and against the memory store at once:
// whatever one answers, the other must answer too.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ConversationStore } from "../../src/conversation/store-port.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { OpenEmpty } from "./contract.ts";
import { statelessCommit, turnCommit } from "./turn-commit.ts";

const step = fc.record({
  kind: fc.constantFrom("commit", "commit", "commit", "commit", "receipt", "delete"),
  /** A conversation belongs to the tenant of its number; the other tenant is an intruder. */
  conversation: fc.integer({ min: 0, max: 3 }),
  intruder: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.boolean()),
  /** Off the version that is stored. */
  versionOff: fc.constantFrom(0, 0, 0, 0, 1, -1),
  threadOff: fc.constantFrom(0, 0, 0, 0, 1),
  thread: fc.constantFrom(null, "main", "side"),
  addSpentNanoUsd: fc.integer({ min: -5, max: 1_000 }),
  requests: fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 3 }),
  state: fc.constantFrom("open", "warned"),
  updatedAt: fc.integer({ min: 0, max: 5 }),
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

interface Place {
  readonly run: string;
  readonly startedAt: number;
}

async function perform(store: ConversationStore, one: Step, place: Place): Promise<unknown> {
  const key = `${place.run}-k${one.conversation}`;
  const owner = one.conversation % 2;
  const tenant = `${place.run}-t${one.intruder ? 1 - owner : owner}`;
  const requestIds = one.requests.map((number) => `${key}-r${number}`);
  if (one.kind === "delete") return await store.deleteConversation(tenant, key);
  if (one.kind === "receipt") {
    // A request belongs to one conversation, so only its owner can bring its receipt later.
    const ownTenant = `${place.run}-t${owner}`;
    const known = requestIds.map((id) => store.readReceipt(ownTenant, id));
    const spilled = requestIds.filter((_, at) => known[at] !== undefined);
    const stored = await Promise.all(known);
    const again = spilled.filter((_, at) => stored[at] !== null);
    return await store.commit(statelessCommit(ownTenant, again));
  }
  const conversation = await store.loadConversation(key);
  const thread = one.thread === null ? null : await store.loadThread(key, one.thread);
  const expectedVersion = Math.max(0, (conversation?.version ?? 0) + one.versionOff);
  return await store.commit(
    turnCommit({
      tenant,
      key,
      expectedVersion,
      addSpentNanoUsd: one.addSpentNanoUsd,
      state: one.state,
      updatedAt: place.startedAt + one.updatedAt,
      expiresAt: place.startedAt + 3_600_000,
      requestIds,
      thread:
        one.thread === null
          ? null
          : {
              thread: one.thread,
              expectedVersion: (thread?.version ?? 0) + one.threadOff,
              body: `${one.thread} after ${expectedVersion}`,
            },
    }),
  );
}

async function observe(store: ConversationStore, { run }: Place): Promise<unknown> {
  const seen: unknown[] = [];
  for (const tenant of [`${run}-t0`, `${run}-t1`]) {
    const query = { tenant, limit: 50, cursor: null };
    const { items } = await store.listConversations({ ...query, state: "open", profile: null });
    // The order under clocks that go backwards is not promised, what is listed is.
    const named = items.map(({ key, spentNanoUsd, turns }) => [key, spentNanoUsd, turns]);
    seen.push(named.toSorted());
    for (let number = 0; number < 4; number += 1) {
      const key = `${run}-k${number}`;
      seen.push(await store.loadConversation(key));
      seen.push(await store.loadThread(key, "main"), await store.loadThread(key, "side"));
      seen.push((await store.listReceipts({ ...query, key })).items);
      seen.push(await store.readReceipt(tenant, `${key}-r0`));
    }
  }
  return seen;
}

export function describeModel(name: string, open: OpenEmpty): void {
  describe(`the ${name} store beside the memory store`, () => {
    test("answers the same, whatever is asked of it", async (context) => {
      const { store } = await open(context);
      let runs = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const model = createMemoryStore();
          const place = { run: `run${(runs += 1)}`, startedAt: Date.now() };
          for (const one of steps) {
            const expected = await perform(model, one, place);
            assert.deepEqual(await perform(store, one, place), expected);
          }
          const expected = await observe(model, place);
          assert.deepEqual(await observe(store, place), expected);
        }),
        { numRuns: 40 },
      );
    });
  });
}
