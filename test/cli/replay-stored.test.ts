// Goal: what the store still knows of a conversation can be judged again under other settings, and no more is claimed.
// Method: a gateway with a SQLite file, a looping agent in front of it, and the command beside the running gateway.

import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import {
  inConversation,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import { workFolder } from "../support/gateway-process.ts";
import { startUpstream, toolAnswer } from "../support/upstream.ts";
import { correctionsIn, replay } from "./replay-scene.ts";

/** A gateway that has seen so many honest rounds and then so many that repeat themselves. */
async function looped(t: TestContext, stuck: number, honest = 2): Promise<[TestGateway, string]> {
  const upstream = await startUpstream(toolAnswer("search", { q: "report" }));
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const rounds = [...honestRounds(honest), ...stuckRounds(stuck, honest + 1)];
  const messages = [...opening("Find it."), ...rounds];
  for (let count = 2; count <= messages.length; count += 2) {
    const body = agentBody(messages.slice(0, count));
    const response = await gateway.chat(body, inConversation("stored-1"));
    assert.equal(response.status, 200, await response.text());
  }
  const folder = workFolder(t);
  writeFileSync(join(folder, "fairlead.yaml"), JSON.stringify({ store: gateway.config.store }));
  return [gateway, folder];
}

test("a stored conversation is judged again as it was, while the gateway runs", async (t) => {
  const [gateway, folder] = await looped(t, 5);
  const shown = await gateway.read("/v1/conversations/stored-1");
  const { code, lines, error } = await replay(folder, ["--conversation", "stored-1", "--json"]);
  assert.equal(code, 0, error);
  const [line] = lines();
  assert.equal(line.id, "stored-1");
  assert.equal(line.fired_at, shown.corrections[0].turn);
  assert.equal(line.pattern, shown.corrections[0].pattern);
  assert.equal(line.level, 1);
});

test("the ladder of a stored conversation is climbed again, with its cool-down", async (t) => {
  const [gateway, folder] = await looped(t, 14);
  const { corrections } = await gateway.read("/v1/conversations/stored-1");
  const sent = corrections.map(({ turn, level }: Json) => [turn, level]);
  assert.ok(sent.length >= 3, JSON.stringify(sent));
  const { out } = await replay(folder, ["--conversation", "stored-1"]);
  assert.deepEqual(correctionsIn(out), sent);
});

test("turns that the store has forgotten are not said to have been clear", async (t) => {
  const [, folder] = await looped(t, 0, 75);
  const { out } = await replay(folder, ["--conversation", "stored-1"]);
  const first = Number(/^ {2}turn (\d+)/m.exec(out)?.[1]);
  assert.ok(first > 2, out);
});

test("other thresholds change the verdicts of a stored conversation", async (t) => {
  const [, folder] = await looped(t, 5);
  const fired = async (count: number): Promise<unknown> => {
    const set = `divergence.sameResultCount=${count}`;
    const { lines } = await replay(folder, ["--conversation", "stored-1", "--json", "--set", set]);
    return lines()[0].fired_at;
  };
  // The first honest result comes with turn 2, the first of the loop with turn 4.
  assert.equal(await fired(2), 5);
  assert.equal(await fired(3), 6);
  assert.equal(await fired(9), null);
});

test("a stored replay shows what was said then, and says what it cannot know", async (t) => {
  const [, folder] = await looped(t, 5);
  const { out } = await replay(folder, ["--conversation", "stored-1"]);
  assert.match(out, /stored-1, main thread thr_/);
  assert.match(out, /7 remembered steps of 8 turns\. Then: turn 6 suspected .*, turn 7 firing/);
  assert.match(out, /turn 7 +firing/);
  assert.match(out, /holds fingerprints of the newest calls and results, not the messages/);
});

test("an unknown conversation, another tenant's, and a store that is not there are told apart", async (t) => {
  const [, folder] = await looped(t, 1);
  const unknown = await replay(folder, ["--conversation", "other"]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.error, /knows no conversation other of tenant local; --tenant names/);
  const tenant = await replay(folder, ["--conversation", "stored-1", "--tenant", "acme"]);
  assert.equal(tenant.code, 1);
  assert.match(tenant.error, /of tenant acme/);
  const bare = workFolder(t);
  const missing = await replay(bare, ["--conversation", "stored-1"]);
  assert.equal(missing.code, 1);
  assert.match(missing.error, /There is no store at .*fairlead\.db\. Name the configuration/);
  assert.ok(!existsSync(join(bare, "data")), "a replay must not create a store");
  writeFileSync(join(bare, "fairlead.yaml"), "store: 'memory:'\n");
  const memory = await replay(bare, ["--conversation", "stored-1"]);
  assert.equal(memory.code, 1);
  assert.match(memory.error, /The store is memory/);
});
