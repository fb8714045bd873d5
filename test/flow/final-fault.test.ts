// Goal: the fault of a turn is the most useful one of its tries, and a client's slowness is nobody else's.
// Method: two keys with a fate each, whichever is asked first; clients that never read.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { inConversation, model, provider, startGateway, type Json } from "../support/gateway.ts";
import { startUpstream, type Scripted } from "../support/upstream.ts";
import { beginEvents, delta, eventOf, startLive } from "./live-upstream.ts";
import { chatBytes, dial } from "./wire.ts";

const ASKING = { model: "lab/big", messages: [{ role: "user", content: "Hello?" }] };
const refusal = (status: number, headers: Record<string, string> = {}): Scripted => ({
  status,
  headers,
  json: { error: {} },
});
const SOON = refusal(429, { "retry-after": "2" });
const LATE = refusal(429, { "retry-after": "3000" });
const REVOKED = refusal(401);

/** The keys are asked in the order of their fates. */
async function startFates(t: TestContext, fates: readonly Scripted[]) {
  const seen: (string | undefined)[] = [];
  const lab = await startUpstream(({ headers }) => {
    if (!seen.includes(headers.authorization)) seen.push(headers.authorization);
    return fates[seen.indexOf(headers.authorization)] ?? refusal(500);
  });
  t.after(() => lab.close());
  const keys = fates.map((_, index) => `secret-${index}`);
  return startGateway(t, { providers: [provider("lab", lab, { keys })] });
}

const PAIRS: readonly (readonly [string, readonly Scripted[]])[] = [
  ["limited for long, then limited for 2 s", [LATE, SOON]],
  ["limited for 2 s, then limited for long", [SOON, LATE]],
  ["limited for 2 s, then revoked", [SOON, REVOKED]],
  ["revoked, then limited for 2 s", [REVOKED, SOON]],
];

for (const [title, fates] of PAIRS) {
  test(`a caller comes back when the first key is free again: ${title} (#2)`, async (t) => {
    const gateway = await startFates(t, fates);
    // The second turn finds both of them resting.
    for (let turn = 0; turn < 2; turn += 1) {
      const response = await gateway.chat(ASKING);
      const { error }: Json = await response.json();
      assert.deepEqual([response.status, error.code], [429, "upstream_rate_limited"]);
      assert.match(response.headers.get("retry-after") ?? "", /^[12]$/);
      assert.equal(response.headers.get("x-should-retry"), null);
    }
    const locked = await gateway.chat(ASKING, inConversation("fates"));
    assert.equal(locked.status, 503);
    assert.match(locked.headers.get("retry-after") ?? "", /^[12]$/);
    assert.equal(JSON.parse(await locked.text()).error.code, "pinned_model_unavailable");
  });
}

test("a revoked key does not hide those that only rest (#2)", async (t) => {
  // The third key breaks down under the first turn; all are revoked by the second, which asks one that rests.
  const fates = [LATE, LATE, refusal(500)];
  const gateway = await startFates(t, fates);
  assert.equal((await gateway.chat(ASKING)).status, 502);
  fates.splice(0, 3, REVOKED, REVOKED, REVOKED);
  const response = await gateway.chat(ASKING);
  assert.equal(response.status, 429);
  assert.match(response.headers.get("retry-after") ?? "", /^(2\d{3}|3000)$/);
});

test("where only an operator can help, the caller is told so, in a locked conversation too (#2)", async (t) => {
  const gateway = await startFates(t, [REVOKED]);
  for (const headers of [{}, inConversation("revoked"), inConversation("revoked")]) {
    const response = await gateway.chat(ASKING, headers);
    const { error }: Json = await response.json();
    assert.deepEqual([response.status, error.code], [502, "upstream_rejected_key"]);
    assert.equal(response.headers.get("x-should-retry"), "false");
    assert.equal(response.headers.get("retry-after"), null);
  }
});

test("clients that do not read are not held against the provider (#2)", async (t) => {
  const piece = eventOf(delta("x".repeat(64 * 1024)));
  const closed: Promise<void>[] = [];
  const lab = await startLive(t, ({ response }) => {
    beginEvents(response);
    const gone = Promise.withResolvers<void>();
    response.on("close", gone.resolve);
    closed.push(gone.promise);
    // More than all buffers on the way hold.
    for (let sent = 0; sent < 1_024; sent += 1) response.write(piece);
  });
  const bay = await startUpstream();
  t.after(() => bay.close());
  const cheap = model("big", { model: "big-1", price: { input: 1, output: 1 } });
  const gateway = await startGateway(t, {
    providers: [provider("lab", lab, { models: [cheap] }), provider("bay", bay)],
    timeouts: { totalMs: 600 },
  });
  const cheapest = "x-router-profile: SAVINGS";
  const body = JSON.stringify({ ...ASKING, model: "big-1", stream: true });
  for (let client = 0; client < 3; client += 1) {
    const socket = await dial(gateway.url);
    t.after(() => socket.destroy());
    socket.pause();
    socket.write(chatBytes({ body, headers: [cheapest] }));
    while (closed.length + bay.requests.length <= client) await pause(10);
    await closed[client];
  }
  assert.equal(lab.asked.length, 3, "the third went where the first two went");
  assert.equal(bay.requests.length, 0);
  while (gateway.logged().match(/"outcome":"/g)?.length !== 3) await pause(10);
  assert.equal(gateway.logged().match(/"outcome":"aborted"/g)?.length, 3);
});
