// Goal: a request that holds only what is new joins the thread it goes on, and is new evidence once. Method: records
// and requests made by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { absorb } from "../../src/conversation/absorb.ts";
import { matchDelta } from "../../src/conversation/delta-thread.ts";
import { newConversation, newThread } from "../../src/conversation/record.ts";
import type { ConversationRecord, ThreadEntry } from "../../src/conversation/record.ts";
import type { Message, Transcript } from "../../src/turn/transcript.ts";

function said(...texts: readonly string[]): Transcript {
  const messages = texts.map((text): Message => ({ role: "user", text, calls: [], results: [] }));
  return {
    count: messages.length,
    read: (index) => messages[index] ?? assert.fail(`no message ${index}`),
  };
}

interface Grown {
  readonly id: string;
  readonly transcript: Transcript;
  readonly kind?: ThreadEntry["kind"];
  readonly now: number;
}

/** A conversation in which each of these threads has had one turn. */
function grown(...threads: readonly Grown[]): ConversationRecord {
  const about = {
    tenant: "t",
    displayId: "c",
    identity: "x",
    profile: "AGENT",
    budgetNanoUsd: null,
  };
  return threads.reduce(
    (record, { id, transcript, kind = "main", now }) => {
      const seen = { threadId: id, kind, agent: null, transcript, steps: [], base: null, now };
      const next = absorb(record, newThread(), { ...seen, continues: false }).record;
      return {
        ...next,
        threads: next.threads.map((entry) => ({ ...entry, turns: Math.max(1, entry.turns) })),
      };
    },
    newConversation({ ...about, now: 0 }),
  );
}

const FIRST = { id: "first", transcript: said("Hi."), now: 1 };
const SECOND = { id: "second", transcript: said("Other."), now: 2 };
const SIDE = { id: "side", transcript: said("Title?"), kind: "side", now: 3 } as const;

test("the thread of the named answer goes on, however many others have been active since", () => {
  const record = grown(FIRST, SECOND, SIDE);
  const answer = { thread: "first", turns: 1 };
  const match = matchDelta(record, said("On."), { agent: null, answer });
  assert.deepEqual([match?.entry?.id, match?.from, match?.by], ["first", 0, "answer"]);
});

test("of an answer that is not known, the latest thread goes on, and never a side request", () => {
  const match = matchDelta(grown(FIRST, SECOND, SIDE), said("On."), { agent: null, answer: null });
  assert.equal(match?.entry?.id, "second");
  assert.equal(matchDelta(grown(), said("On."), { agent: null, answer: null }), null);
  assert.equal(matchDelta(grown(FIRST), said("On."), { agent: "child", answer: null }), null);
});

test("the same words behind the newest answer are said again, behind an older one they are the same turn", () => {
  const record = grown({ ...FIRST, transcript: said("Continue.") });
  const again = matchDelta(record, said("Continue."), {
    agent: null,
    answer: { thread: "first", turns: 1 },
  });
  assert.deepEqual([again?.equal, again?.from], [true, 0]);
  const same = matchDelta(record, said("Continue."), {
    agent: null,
    answer: { thread: "first", turns: 0 },
  });
  assert.deepEqual([same?.equal, same?.from], [true, 1]);
});
