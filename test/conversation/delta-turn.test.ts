// Goal: requests that hold only what is new are evidence as whole histories are: each once, with the calls of the
// answer before, and without taking back what was sent. Method: turns asked and settled without a gateway.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { readResponsesRequest } from "../../src/api/responses-request.ts";
import { askTurn, pendingTurn, seenBy } from "../../src/conversation/ask-turn.ts";
import { addCorrection } from "../../src/conversation/corrections.ts";
import { matchDelta } from "../../src/conversation/delta-thread.ts";
import { gatherSteps, noteAnswer } from "../../src/conversation/gather-steps.ts";
import { emptyEvidence } from "../../src/conversation/evidence.ts";
import { newConversation, newThread } from "../../src/conversation/record.ts";
import type { ConversationRecord, ThreadRecord } from "../../src/conversation/record.ts";
import { settleTurn } from "../../src/conversation/settle-turn.ts";
import type { TurnQuestion } from "../../src/conversation/turn-question.ts";
import type { Profile } from "../../src/turn/profile.ts";
import type { Transcript } from "../../src/turn/transcript.ts";
import { NO_USAGE } from "../../src/turn/usage.ts";
import { provider, readTree, type Json } from "../support/gateway.ts";
import { workFolder } from "../support/gateway-process.ts";

function agentProfile(t: TestContext): Profile {
  const providers = [provider("lab", { baseUrl: "http://127.0.0.1:9/v1" })];
  const profile = readTree(workFolder(t), { providers }).profiles.get("AGENT");
  return profile ?? assert.fail("there is no profile AGENT");
}

function transcriptOf(input: Json): Transcript {
  const body = Buffer.from(JSON.stringify({ model: "m", input }));
  return readResponsesRequest({ body, headers: {}, url: "", depthMax: 64 }).transcript;
}

interface Rows {
  readonly record: ConversationRecord;
  readonly thread: ThreadRecord;
}

const START = { tenant: "t", displayId: "c", identity: "x", profile: "AGENT", budgetNanoUsd: null };
const started = (): Rows => ({
  record: newConversation({ ...START, now: 0 }),
  thread: newThread(),
});

function questionOf({ record }: Rows, profile: Profile, input: Json): TurnQuestion {
  const transcript = transcriptOf(input);
  const turns = record.threads[0]?.turns ?? 0;
  const answer = { thread: "main", turns };
  const match = matchDelta(record, transcript, { agent: null, answer });
  return {
    requestId: `req-${record.turns}`,
    transcript,
    match: match ?? { entry: null, kind: "main", from: 0, equal: false, prefix: false, by: "new" },
    threadId: "main",
    profile,
    divergence: "correct",
    watchedOnly: false,
    correctionsWanted: true,
    hints: { agent: null },
    idempotency: null,
    spentNanoUsd: 0,
    now: record.turns + 1,
  };
}

/** One turn whose decision was stored before its bytes, and what its answer said. */
function turn(rows: Rows, profile: Profile, input: Json, text: string): Rows {
  const question = questionOf(rows, profile, input);
  const asked = askTurn(rows.record, rows.thread, question);
  const stored = pendingTurn(asked, question);
  return settleTurn(stored.record, stored.thread, {
    requestId: question.requestId,
    seen: seenBy(asked, question),
    turn: asked.turn,
    threadTurn: asked.threadTurn,
    counted: true,
    resend: asked.resend,
    idempotency: null,
    outcome: "completed",
    said: { calls: [], text },
    answered: true,
    repetition: null,
    usage: NO_USAGE,
    costNanoUsd: 0,
    spentNanoUsd: 0,
    served: null,
    episode: null,
    pinMoved: false,
    final: false,
    refusedCorrections: [],
    now: question.now,
  });
}

test("the same words in one delta after the other are each counted once", (t) => {
  const profile = agentProfile(t);
  let rows = started();
  for (const text of ["One.", "Two.", "Three."]) rows = turn(rows, profile, "Continue.", text);
  assert.equal(rows.record.turns, 3);
  // The last answer has not been followed yet.
  assert.equal(rows.thread.evidence.steps.length, 2);
});

test("a correction that was sent stays in use when a delta no longer shows where it stood", (t) => {
  const profile = agentProfile(t);
  const before = turn(started(), profile, "Look.", "One.");
  const correction = {
    id: "cor",
    thread: "main",
    turn: 1,
    threadTurn: 1,
    level: 1,
    pattern: "p",
    text: "[fairlead]",
    place: "late-system" as const,
    anchor: { index: 0, fingerprint: "elsewhere" },
    model: "m",
    sentAt: 0,
    retired: null,
    outcome: null,
    episode: null,
  };
  const rows = { ...before, record: addCorrection(before.record, correction) };
  const asked = askTurn(rows.record, rows.thread, questionOf(rows, profile, "Go on."));
  assert.deepEqual(asked.insertions, []);
  assert.equal(asked.record.corrections[0]?.retired, null);
});

test("a history that holds the answer is read from there, whatever its first item is", () => {
  const evidence = noteAnswer(emptyEvidence(), { calls: [], text: "I look at it now." });
  const { pending } = evidence;
  const history = [
    { role: "user", content: "Look." },
    { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x" },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "Seen." }] },
    { role: "user", content: "And?" },
  ];
  const whole = gatherSteps(transcriptOf(history), { from: 1, turn: 2, pending });
  assert.equal(whole.length, 1);
  const delta = gatherSteps(transcriptOf("And?"), { from: 0, turn: 2, pending });
  assert.equal(delta.length, 1);
});
