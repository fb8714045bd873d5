// Goal: a client that names its agents and changes its newest messages is not told of the same steps twice.
// Method: requests of one agent id whose last messages differ from turn to turn, and the steps the thread remembers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import { inConversation, provider, startGateway, type Json } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

const reminder = (text: string): Json => ({ role: "user", content: text });

test("an edited last message of a named agent brings no step a second time", async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const headers = { ...inConversation("edited"), "x-claude-code-agent-id": "agent-7" };
  const rounds = [...honestRounds(3), ...stuckRounds(2, 4)];
  for (const text of ["It is 10:00.", "It is 10:01.", "It is 10:02."]) {
    await gateway.chat(agentBody([...opening("x"), ...rounds, reminder(text)]), headers);
  }
  const seen = await gateway.read("/v1/conversations/edited");
  assert.equal(seen.threads.length, 1);
  assert.equal(seen.threads[0].steps_remembered, 5);
  assert.deepEqual(seen.corrections, []);
});

test("where nothing of a named agent's history is known, only its newest round is new", async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const headers = { ...inConversation("replaced"), "x-claude-code-agent-id": "agent-7" };
  await gateway.chat(agentBody([...opening("x"), ...honestRounds(2)]), headers);
  const other = [...opening("something else"), ...stuckRounds(6, 20)];
  const response = await gateway.chat(agentBody(other), headers);
  assert.equal(response.headers.get("x-conversation-state"), "steady");
  const seen = await gateway.read("/v1/conversations/replaced");
  assert.equal(seen.threads[0].steps_remembered, 3);
});
