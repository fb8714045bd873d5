// Goal: a stream counts as whole only when the provider said so for each choice, and an error in it is
// seen in whatever shape it comes.
// Method: streams of a scripted upstream, byte by byte as such servers send them.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { provider, startGateway, type Json } from "../support/gateway.ts";
import { startUpstream, textAnswer, type Scripted } from "../support/upstream.ts";
import { delta, eventOf, FINISH } from "./live-upstream.ts";

const ASKING = { model: "lab/big", stream: true, messages: [{ role: "user", content: "Hello?" }] };
const BEGIN = eventOf({ choices: [{ index: 0, delta: { role: "assistant", content: "" } }] });
const ONE = eventOf(delta("one"));
const LAST = eventOf(FINISH);
const END = "data: [DONE]\n\n";
const piece = (index: number, content: string, finish: string | null = null) =>
  eventOf({ choices: [{ index, delta: { content }, finish_reason: finish }] });

type Ask = (...sent: readonly string[]) => Promise<string>;

async function startScene(t: TestContext): Promise<Ask> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(
    t,
    { providers: [provider("lab", upstream)] },
    { random: () => 0 },
  );
  return async (...sent) => {
    upstream.respond(() => ({ rawChunks: sent }));
    return (await gateway.chat(ASKING)).text();
  };
}

function assertCut(text: string, code: string): void {
  assert.ok(text.includes(`"code":"${code}"`), text);
  assert.doesNotMatch(text, /\[DONE\]/);
}

test("an empty finish reason ends nothing (#2)", async (t) => {
  const ask = await startScene(t);
  const cut = await ask(piece(0, "one", ""), piece(0, "two", ""));
  assert.match(cut, /one.*two/s);
  assertCut(cut, "upstream_stream_cut");
  const spaced = 'data: {"choices":[{"index":0,"delta":{},"finish_reason" : "stop"}]}\n\n';
  assert.match(await ask(piece(0, "one", ""), piece(0, "two", ""), spaced), /\[DONE\]\n\n$/);
});

test("an answer of several choices is whole when each of them has ended (#2)", async (t) => {
  const ask = await startScene(t);
  const cuts = [
    [piece(0, "a"), piece(1, "b"), piece(0, "", "stop")],
    [piece(1, "a"), piece(0, "b"), piece(1, "", "stop")],
    [piece(0, "a"), piece(0, "b"), piece(1, "c"), piece(0, "", "stop")],
    [piece(0, "a", "stop"), piece(1, "b")],
    [eventOf({ choices: [JSON.parse(piece(0, "a", "stop").slice(6)).choices[0], { index: 1 }] })],
    Array.from({ length: 200 }, (_, index) => piece(index, "a", "stop")),
  ];
  for (const sent of cuts) assertCut(await ask(...sent), "upstream_stream_cut");
  const wholes = [
    [piece(0, "a"), piece(1, "b"), piece(0, "", "stop"), piece(1, "", "length")],
    [piece(1, "a"), piece(0, "b"), piece(1, "", "stop"), piece(0, "", "stop")],
    [piece(1, "a"), piece(1, "", "stop")],
    [eventOf({ choices: [{ delta: { content: "a" } }] }), LAST],
  ];
  for (const sent of wholes) {
    const text = await ask(...sent);
    assert.match(text, /\[DONE\]\n\n$/);
    assert.doesNotMatch(text, /"error"/);
  }
});

const ERRORS = [
  "event: error\ndata: overloaded\n\n",
  `event: error\n${ONE}`,
  "event: error\ndata: [DONE]\n\n",
  'data: {"object":"error","message":"canary","code":500}\n\n',
  'data: {"message":"canary", "object" : "error"}\n\n',
];

test("an error inside a stream is one in whatever shape it comes (#2)", async (t) => {
  const ask = await startScene(t);
  for (const event of ERRORS) {
    for (const before of ["", BEGIN, BEGIN + ONE, BEGIN + ONE + LAST]) {
      const text = await ask(before + event, END);
      assertCut(text, "upstream_error_in_stream");
      assert.doesNotMatch(text, /canary/);
    }
  }
  assertCut(await ask(ONE + LAST, "event: error\ndata: gone"), "upstream_error_in_stream");
});

test("a stream that ends before anything came is served elsewhere (#2)", async (t) => {
  const hollow: readonly string[] = [
    END,
    BEGIN + END,
    "data: [DONE]",
    ": hello\n\ndata: [DONE] \n\n",
  ];
  for (const sent of hollow) {
    let count = 0;
    const good = textAnswer("whole");
    const pair = [await startUpstream(), await startUpstream()] as const;
    for (const upstream of pair) {
      t.after(() => upstream.close());
      upstream.respond((request): Scripted =>
        (count += 1) === 1 ? { rawChunks: [sent] } : good(request),
      );
    }
    const gateway = await startGateway(t, {
      providers: [provider("lab", pair[0]), provider("bay", pair[1])],
    });
    const response = await gateway.chat({ ...ASKING, model: "big-1" });
    assert.match(await response.text(), /whole.*\[DONE\]\n\n$/s);
    const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
    assert.deepEqual(
      receipt.fallback.attempts.map(({ code }: Json) => code),
      ["upstream_invalid_answer", null],
    );
  }
});

test("the last event ends an answer, spaces and a missing finish reason or not (#2)", async (t) => {
  const ask = await startScene(t);
  for (const end of [END, "data: [DONE] \n\n", "data:  [DONE]\t\n\n", "data:[DONE] "]) {
    for (const before of [ONE, ONE + LAST]) {
      const text = await ask(BEGIN + before, end);
      assert.match(text, /one.*\[DONE\]\s*$/s);
      assert.equal(text.match(/\[DONE\]/g)?.length, 1);
      assert.doesNotMatch(text, /"error"/);
    }
  }
});

test("an error under status 200 is no answer, choices or not (#2)", async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(
    t,
    { providers: [provider("lab", upstream)] },
    { random: () => 0 },
  );
  upstream.respond(() => ({ json: { error: { message: "canary" }, choices: [] } }));
  const response = await gateway.chat({ ...ASKING, stream: false });
  assert.equal(response.status, 502);
  const { error }: Json = await response.json();
  assert.equal(error.code, "upstream_invalid_answer");
});
