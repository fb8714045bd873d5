// Goal: no silence of a provider lasts longer than the operator allows, and each kind is told
// apart from a slow client.
// Method: short limits and upstreams that hang at every stage; whoever waits, waits for the
// gateway to let go, not for a clock.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { provider, startGateway, type Json } from "../support/gateway.ts";
import { startUpstream, textAnswer, type Scripted } from "../support/upstream.ts";
import { beginEvents, delta, eventOf, FINISH, startLive } from "./live-upstream.ts";
import { chatBytes, dial } from "./wire.ts";

const SHORT_MS = 80;
const ASKING = { model: "big-1", messages: [{ role: "user", content: "Hello?" }] };

async function startScene(t: TestContext, timeouts: object, scripted: Scripted) {
  const upstream = await startUpstream(() => scripted);
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)], timeouts });
  return { gateway, upstream };
}

interface Silence {
  readonly title: string;
  readonly timeouts: object;
  readonly scripted: Scripted;
  readonly stream: boolean;
}

const SILENCES: readonly Silence[] = [
  {
    title: "before the headers",
    timeouts: { firstByteMs: SHORT_MS },
    scripted: { hang: "before-headers" },
    stream: true,
  },
  {
    title: "before the headers of a JSON answer",
    timeouts: { firstByteMs: SHORT_MS },
    scripted: { hang: "before-headers" },
    stream: false,
  },
  {
    title: "behind the headers",
    timeouts: { idleMs: SHORT_MS },
    scripted: { hang: "after-headers" },
    stream: true,
  },
  {
    title: "behind a comment",
    timeouts: { idleMs: SHORT_MS },
    scripted: { rawChunks: [": \n\n", ""], holdAfter: 1 },
    stream: true,
  },
  {
    title: "within a JSON answer",
    timeouts: { idleMs: SHORT_MS },
    scripted: {
      headers: { "content-type": "application/json" },
      rawChunks: ['{"choices":', ""],
      holdAfter: 1,
    },
    stream: false,
  },
  {
    title: "within an error body",
    timeouts: { idleMs: SHORT_MS },
    scripted: { status: 500, rawChunks: ["{", ""], holdAfter: 1 },
    stream: false,
  },
  {
    title: "filled with comments",
    timeouts: { totalMs: 4 * SHORT_MS },
    scripted: { rawChunks: Array.from({ length: 4_000 }, () => ": \n\n"), delayMs: 20 },
    stream: true,
  },
];

test(
  "a silence ends the attempt, lets the upstream go, and another deployment serves",
  { concurrency: true },
  async (t) => {
    // At once, because nearly all of their time is waiting.
    const silences = SILENCES.map((silence) =>
      t.test(silence.title, { timeout: 30_000 }, (inner) => endsSilence(inner, silence)),
    );
    await Promise.all(silences);
  },
);

async function endsSilence(t: TestContext, silence: Silence): Promise<void> {
  const { timeouts, scripted, stream } = silence;
  const { gateway, upstream } = await startScene(t, timeouts, scripted);
  const alone = await gateway.chat({ ...ASKING, stream });
  assert.equal(alone.status, 504);
  const { error }: Json = await alone.json();
  assert.equal(error.code, "upstream_timeout");
  assert.match(error.message, /retry|again/i);
  await upstream.requests[0]?.aborted;
  assert.equal(
    upstream.requests.length,
    1,
    "what has waited long enough is not tried twice at one place",
  );
  const other = await startUpstream(textAnswer("here"));
  t.after(() => other.close());
  const pair = await startGateway(t, {
    providers: [provider("lab", upstream), provider("bay", other)],
    timeouts,
  });
  for (let turn = 0; turn < 2; turn += 1) {
    const response = await pair.chat({ ...ASKING, stream });
    assert.equal(response.status, 200);
    assert.match(await response.text(), /here/);
    assert.equal(response.headers.get("x-router-model"), "bay/big");
  }
}

const BREAKS: readonly Silence[] = [
  {
    title: "idle",
    timeouts: { idleMs: SHORT_MS },
    scripted: { events: [delta("one"), ""], holdAfter: 1 },
    stream: true,
  },
  {
    title: "in all",
    timeouts: { totalMs: 4 * SHORT_MS },
    scripted: { events: Array.from({ length: 4_000 }, () => delta("one")), delayMs: 20 },
    stream: true,
  },
];

for (const { title, timeouts, scripted } of BREAKS) {
  test(`a stream that takes too long (${title}) ends with an error event, and the upstream is let go`, async (t) => {
    const { gateway, upstream } = await startScene(t, timeouts, scripted);
    const text = await (await gateway.chat({ ...ASKING, stream: true })).text();
    assert.match(text, /^data: \{"choices".*"code":"upstream_timeout"/s);
    assert.doesNotMatch(text, /\[DONE\]/);
    await upstream.requests[0]?.aborted;
  });
}

test("a connection that is never made gives up, and another deployment serves", async (t) => {
  // Takes the connection, and never answers the TLS handshake.
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => silent.close());
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : "";
  const other = await startUpstream(textAnswer("here"));
  t.after(() => other.close());
  const unreachable = { baseUrl: `https://127.0.0.1:${port}/v1` };
  const gateway = await startGateway(t, {
    providers: [provider("lab", unreachable), provider("bay", other)],
    timeouts: { connectMs: SHORT_MS },
  });
  const alone = await gateway.chat({ ...ASKING, model: "lab/big" });
  assert.equal(alone.status, 502);
  assert.equal(JSON.parse(await alone.text()).error.code, "upstream_unavailable");
  const response = await gateway.chat(ASKING);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("x-router-model"), "bay/big");
});

test("a client that reads slowly is not taken for a silent provider", async (t) => {
  const piece = eventOf(delta("x".repeat(64 * 1024)));
  const count = 512;
  const upstream = await startLive(t, ({ response }) => {
    beginEvents(response);
    for (let sent = 0; sent < count; sent += 1) response.write(piece);
    response.end(eventOf(FINISH) + eventOf("[DONE]"));
  });
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream)],
    timeouts: { idleMs: SHORT_MS },
  });
  const socket = await dial(gateway.url);
  socket.write(chatBytes({ body: JSON.stringify({ ...ASKING, stream: true }) }));
  await pause(6 * SHORT_MS);
  let bytes = 0;
  let tail = "";
  for await (const chunk of socket) {
    bytes += chunk.length;
    tail = (tail + chunk.toString("latin1")).slice(-200);
  }
  assert.ok(bytes > count * piece.length);
  assert.match(tail, /data: \[DONE\]\n\n/);
});

test("a slow provider within its limits is waited for", async (t) => {
  const timeouts = { firstByteMs: 5_000, idleMs: 5_000 };
  const events = [delta("one"), delta("two"), FINISH, "[DONE]"];
  const { gateway } = await startScene(t, timeouts, { events, delayMs: SHORT_MS });
  const text = await (await gateway.chat({ ...ASKING, stream: true })).text();
  assert.match(text, /one.*two.*\[DONE\]\n\n$/s);
});
