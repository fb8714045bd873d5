// Goal: a client that leaves stops the work for it, whenever it leaves, and its turn is in the books as aborted.
// Method: clients that hang up at each stage of a turn; the upstream tells when it is let go.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { beginEvents, delta, eventOf, startLive, type Asked } from "./live-upstream.ts";

const ASKING = { model: "lab/big", messages: [{ role: "user", content: "Hello?" }] };

interface Leaving {
  readonly gateway: TestGateway;
  readonly asked: readonly Asked[];
  /** Hangs up. */
  leave(): void;
  /** The receipt of the one turn, once it is written. */
  receipt(): Promise<Json>;
}

/** A client in a conversation, so that its turn can be found without an answer. */
async function startLeaving(
  t: TestContext,
  options: {
    readonly stream: boolean;
    readonly profile?: string;
    readonly answer: (asked: Asked, leave: () => void) => void;
  },
): Promise<Leaving> {
  const controller = new AbortController();
  const leave = () => controller.abort();
  const upstream = await startLive(t, (asked) => options.answer(asked, leave));
  const gateway = await startGateway(
    t,
    { providers: [provider("lab", upstream)] },
    { random: () => 0.99 },
  );
  const headers = {
    "content-type": "application/json",
    "x-conversation-id": "leaving",
    "x-router-profile": options.profile ?? "CHAT",
  };
  const body = JSON.stringify({ ...ASKING, stream: options.stream });
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers,
    body,
    signal: controller.signal,
  })
    .then(
      (response) => response.text(),
      () => "the abort of the client itself",
    )
    .catch(() => "the abort of the client itself");
  return {
    gateway,
    asked: upstream.asked,
    leave,
    async receipt() {
      for (;;) {
        const response = await fetch(`${gateway.url}/v1/conversations/leaving/turns`);
        const list: Json = await response.json();
        if (response.status === 200 && list.data.length > 0) return list.data[0];
        await pause(10);
      }
    },
  };
}

for (const stream of [true, false]) {
  const asked = stream ? "a stream" : "JSON";
  test(`a client that leaves before the answer begins lets the upstream go (${asked})`, async (t) => {
    const gone = Promise.withResolvers<void>();
    const { receipt, gateway } = await startLeaving(t, {
      stream,
      answer: ({ response }, leave) => {
        response.on("close", gone.resolve);
        leave();
      },
    });
    await gone.promise;
    const { outcome, error, fallback, execution } = await receipt();
    assert.equal(outcome, "aborted");
    assert.equal(error.code, "client_closed_request");
    assert.equal(fallback.attempts.length, 1);
    assert.equal(execution.tokens.completion, 0);
    assert.doesNotMatch(gateway.logged(), /"level":50/);
  });
}

test("a client that leaves in the middle of a stream lets the upstream go, and pays for what came", async (t) => {
  const { asked, receipt } = await startLeaving(t, {
    stream: true,
    answer: ({ response }, leave) => {
      beginEvents(response);
      response.write(eventOf(delta("one")) + eventOf(delta("two")));
      setTimeout(leave, 50);
    },
  });
  const { outcome, execution, cost, fallback } = await receipt();
  assert.equal(outcome, "aborted");
  assert.equal(execution.tokens.estimated, true);
  assert.equal(execution.tokens.completion, 2);
  assert.ok(cost.total_usd > 0);
  assert.equal(fallback.attempts[0].outcome, "aborted");
  const response = asked[0]?.response;
  if (response !== undefined && !response.destroyed) await once(response, "close");
});

test("a client that leaves between two attempts ends its turn there", async (t) => {
  const { asked, receipt, gateway } = await startLeaving(t, {
    stream: false,
    answer: ({ response }, leave) => {
      response.on("finish", leave);
      response.writeHead(500, { "content-type": "application/json" }).end("{}");
    },
  });
  const { outcome, fallback } = await receipt();
  assert.equal(outcome, "aborted");
  assert.equal(fallback.attempts[0].code, "upstream_unavailable");
  assert.equal(asked.length, 1, "nobody was asked on behalf of a client that is gone");
  assert.doesNotMatch(gateway.logged(), /"level":50/);
});

test("a client that leaves while its turn waits for a busy provider ends the wait", async (t) => {
  const { asked, receipt, gateway } = await startLeaving(t, {
    stream: false,
    profile: "BATCH",
    answer: ({ response }, leave) => {
      response.on("finish", leave);
      response
        .writeHead(429, { "content-type": "application/json", "retry-after": "60" })
        .end("{}");
    },
  });
  const { outcome } = await receipt();
  assert.equal(outcome, "aborted");
  assert.equal(asked.length, 1);
  assert.doesNotMatch(gateway.logged(), /"level":50/);
});

test("the next turn after one that was aborted is served as if nothing had been", async (t) => {
  let count = 0;
  const { gateway, receipt } = await startLeaving(t, {
    stream: true,
    answer: ({ response }, leave) => {
      count += 1;
      if (count === 1) return leave();
      response.writeHead(200, { "content-type": "application/json" });
      response.end(
        '{"choices":[{"index":0,"message":{"role":"assistant","content":"here"},"finish_reason":"stop"}]}',
      );
    },
  });
  await receipt();
  const response = await gateway.chat(ASKING, { "x-conversation-id": "leaving" });
  assert.equal(response.status, 200);
  assert.match(await response.text(), /here/);
});
