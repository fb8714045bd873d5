// Goal: a stream that breaks is never taken for a whole answer, and one that breaks before its
// first content is served by another deployment unseen.
// Method: every way in which a provider's stream goes wrong, seen by a raw reader and by the
// OpenAI SDK.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import OpenAI from "openai";
import { model, provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { startUpstream, textAnswer, type Scripted, type Upstream } from "../support/upstream.ts";
import { delta, eventOf, FINISH } from "./live-upstream.ts";

const MESSAGES = [{ role: "user" as const, content: "Hello?" }];
const ASKING = { model: "lab/big", stream: true, messages: MESSAGES };
const BEGIN = eventOf({ choices: [{ index: 0, delta: { role: "assistant", content: "" } }] });
const ONE = eventOf(delta("one"));
const ERROR_EVENT = eventOf({ error: { message: "canary of the provider", code: 500 } });
const EVENT_STREAM = { "content-type": "text/event-stream" };

interface Break {
  readonly title: string;
  readonly scripted: Scripted;
  readonly code: string;
}

/** Ways to break, behind what has been sent already. */
const breaks = (sent: string): readonly Break[] => [
  {
    title: "a connection that is cut",
    scripted: { rawChunks: [sent || ": \n\n"], cutAfter: 1 },
    code: "upstream_stream_cut",
  },
  {
    title: "an end without a finish reason",
    scripted: { rawChunks: [sent] },
    code: "upstream_stream_cut",
  },
  {
    title: "an end within an event",
    scripted: { rawChunks: [sent, 'data: {"choices":[{"index":0,"del'] },
    code: "upstream_stream_cut",
  },
  {
    title: "an error event",
    scripted: { rawChunks: [sent, ERROR_EVENT, eventOf("[DONE]")] },
    code: "upstream_error_in_stream",
  },
  {
    title: "an error event with a name",
    scripted: { rawChunks: [sent, `event: error\n${ERROR_EVENT}`] },
    code: "upstream_error_in_stream",
  },
  {
    title: "an error event with spaces",
    scripted: { rawChunks: [sent, 'data: { "error" : { "message" : "canary" } }\n\n'] },
    code: "upstream_error_in_stream",
  },
];

async function startScene(t: TestContext): Promise<{ gateway: TestGateway; upstream: Upstream }> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  return { gateway, upstream };
}

function errorsIn(text: string): readonly Json[] {
  return text
    .split("\n\n")
    .filter((event) => event.startsWith('data: {"error"'))
    .map((event): Json => JSON.parse(event.slice("data: ".length)).error);
}

test("a stream that breaks ends with one error event and never with [DONE]", async (t) => {
  const { gateway, upstream } = await startScene(t);
  for (const { title, scripted, code } of breaks(BEGIN + ONE)) {
    upstream.respond(() => scripted);
    const response = await gateway.chat(ASKING);
    const text = await response.text();
    assert.equal(response.status, 200);
    assert.ok(text.startsWith(BEGIN + ONE), title);
    const errors = errorsIn(text);
    assert.equal(errors.length, 1, text);
    assert.equal(errors[0].code, code, title);
    assert.match(errors[0].message, /retry|again/i);
    assert.equal(errors[0].request_id, response.headers.get("x-request-id"));
    assert.doesNotMatch(text, /\[DONE\]|canary|"del(?!ta)/, title);
    assert.ok(text.endsWith("}\n\n"));
    const receipt = await gateway.read(`/v1/receipts/${errors[0].request_id}`);
    assert.equal(receipt.outcome, "cut");
    assert.equal(receipt.error.code, code);
    assert.equal(receipt.execution.tokens.estimated, true);
    assert.equal(
      receipt.fallback.attempts.length,
      1,
      "nothing is tried again behind the first byte",
    );
  }
});

test("the OpenAI SDK throws on a broken stream, in every way it can be read", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "none", maxRetries: 0 });
  for (const { title, scripted } of breaks(BEGIN + ONE)) {
    upstream.respond(() => scripted);
    const pieces: string[] = [];
    const reading = async (): Promise<void> => {
      const stream = await client.chat.completions.create({ ...ASKING, stream: true });
      for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? "");
    };
    await assert.rejects(reading, OpenAI.APIError, title);
    assert.deepEqual(pieces, ["", "one"]);
    await assert.rejects(
      client.chat.completions.stream({ ...ASKING, stream: true }).finalChatCompletion(),
    );
  }
});

const USELESS: readonly Break[] = [
  ...breaks(""),
  ...breaks(BEGIN).map((one) => ({ ...one, title: `${one.title}, behind the role` })),
  {
    title: "an HTML page",
    scripted: { headers: { "content-type": "text/html" }, rawChunks: ["<html>canary</html>"] },
    code: "upstream_invalid_answer",
  },
  {
    title: "a JSON answer",
    scripted: { json: { choices: [{ index: 0, message: { content: "x" } }] } },
    code: "upstream_invalid_answer",
  },
  {
    title: "a JSON error under status 200",
    scripted: { json: { error: { message: "canary" } } },
    code: "upstream_invalid_answer",
  },
  {
    title: "no content type",
    scripted: { headers: { "content-type": "" }, rawChunks: [ONE] },
    code: "upstream_invalid_answer",
  },
  {
    title: "text that is no event stream",
    scripted: { headers: EVENT_STREAM, rawChunks: ["<html>canary</html>\n\n"] },
    code: "upstream_stream_cut",
  },
  {
    title: "data that is no JSON",
    scripted: { headers: EVENT_STREAM, rawChunks: ["data: <html>canary</html>\n\n"] },
    code: "upstream_error_in_stream",
  },
  {
    title: "status 500",
    scripted: { status: 500, json: { error: "canary" } },
    code: "upstream_unavailable",
  },
  { title: "status 201", scripted: { status: 201, json: {} }, code: "upstream_unavailable" },
  {
    title: "a redirect",
    scripted: { status: 307, headers: { location: "/elsewhere" }, json: {} },
    code: "upstream_unavailable",
  },
  { title: "no answer", scripted: { refuse: true }, code: "upstream_unavailable" },
  {
    title: "a first event over the bound",
    scripted: { rawChunks: [`data: ${"x".repeat(17 * 1024 * 1024)}`] },
    code: "upstream_invalid_answer",
  },
];

test("what breaks before its first content is served elsewhere, and the client sees nothing of it", async (t) => {
  // Whichever is asked first breaks, so the order the router chose does not matter.
  let scripted: Scripted = { refuse: true };
  let count = 0;
  const good = textAnswer("whole");
  const upstreams: readonly [Upstream, Upstream] = [await startUpstream(), await startUpstream()];
  for (const upstream of upstreams) {
    t.after(() => upstream.close());
    upstream.respond((request) => ((count += 1) === 1 ? scripted : good(request)));
  }
  for (const { title, scripted: broken, code } of USELESS) {
    await t.test(title, async (inner) => {
      scripted = broken;
      count = 0;
      const gateway = await startGateway(inner, {
        providers: [provider("lab", upstreams[0]), provider("bay", upstreams[1])],
      });
      const response = await gateway.chat({ ...ASKING, model: "big-1" });
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.match(text, /whole.*data: \[DONE\]\n\n$/s);
      assert.doesNotMatch(text, /canary|"error"/);
      assert.equal(text.match(/"role"/g)?.length, 2, "nothing of the broken stream came along");
      const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
      const [first, second] = receipt.fallback.attempts;
      assert.deepEqual([first.outcome, first.code, second.outcome], ["failed", code, "completed"]);
      assert.notEqual(first.deployment, second.deployment);
      assert.equal(response.headers.get("x-router-model"), second.deployment);
      assert.equal(receipt.routing.winner, second.deployment);
    });
  }
});

test("where no deployment is left, the client gets a status it can act on, not a stream", async (t) => {
  const { gateway, upstream } = await startScene(t);
  for (const { title, scripted, code } of breaks(BEGIN)) {
    upstream.respond(() => scripted);
    const response = await gateway.chat(ASKING);
    assert.equal(response.status, 502, title);
    assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
    const { error }: Json = await response.json();
    assert.equal(error.code, code, title);
    assert.equal(response.headers.get("x-should-retry"), null);
  }
});

test("an event over the bound ends the stream it stands in, in good order", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const piece = "x".repeat(1024 * 1024);
  upstream.respond(() => ({
    rawChunks: [ONE, "data: ", ...Array.from({ length: 17 }, () => piece)],
  }));
  const text = await (await gateway.chat(ASKING)).text();
  assert.deepEqual(
    errorsIn(text).map(({ code }) => code),
    ["upstream_invalid_answer"],
  );
  assert.ok(text.length < 2_000, "nothing of the event was passed on");
});

test("an answer over the operator's bound is refused, one below it is served", async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const limits = { answerBytesMax: 20_000 };
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { models: [model("big")] })],
    limits,
  });
  upstream.respond(textAnswer("x".repeat(19_000)));
  assert.equal((await gateway.chat({ ...ASKING, stream: false })).status, 200);
  upstream.respond(textAnswer("x".repeat(21_000)));
  const response = await gateway.chat({ ...ASKING, stream: false });
  assert.equal(response.status, 502);
  assert.match(await response.text(), /upstream_invalid_answer.*|limits\.answerBytesMax/);
  const stream = await (await gateway.chat(ASKING)).text();
  assert.match(stream, /\[DONE\]\n\n$/, "a stream is never held, so it has no such bound");
});

test("a broken stream of a conversation leaves it fit for the next turn", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const headers = { "x-conversation-id": "broken", "x-router-profile": "AGENT" };
  upstream.respond(() => ({ rawChunks: [BEGIN + ONE], cutAfter: 1 }));
  assert.equal(errorsIn(await (await gateway.chat(ASKING, headers)).text()).length, 1);
  upstream.respond(() => ({ rawChunks: [BEGIN + ONE + eventOf(FINISH) + eventOf("[DONE]")] }));
  const response = await gateway.chat(ASKING, headers);
  assert.match(await response.text(), /\[DONE\]\n\n$/);
  assert.equal(response.headers.get("x-conversation-state"), "steady");
  const { data } = await gateway.read("/v1/conversations/broken/turns");
  assert.deepEqual(
    data.map(({ outcome }: Json) => outcome),
    ["cut", "completed"],
  );
  assert.equal(data[1].conversation.resend, true, "the same transcript again is the same turn");
});
