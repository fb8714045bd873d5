// Goal: a streamed answer reaches the client event by event, byte for byte, ends once, and costs
// no memory when the client is slow.
// Method: upstreams that cut and spell their streams in every odd but valid way; clients that read
// slowly, leave, or are the OpenAI SDK.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import OpenAI from "openai";
import { provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { startUpstream, textAnswer, type Upstream } from "../support/upstream.ts";
import { beginEvents, delta, eventOf, FINISH, startLive } from "./live-upstream.ts";
import { chatBytes, dial } from "./wire.ts";

const ASKING = { model: "lab/big", stream: true, messages: [{ role: "user", content: "Hello?" }] };
const DONE = eventOf("[DONE]");
const USAGE = { choices: [], usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } };
const PLAIN = eventOf(delta("Hello.")) + eventOf(FINISH) + DONE;
const COMMENT = /^: x-llm-gateway (\{.*\})\n\n/m;

interface Scene {
  readonly gateway: TestGateway;
  readonly upstream: Upstream;
}

async function startScene(t: TestContext): Promise<Scene> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  return { gateway, upstream };
}

/** Has the upstream send these chunks; returns what the client got, without the gateway's comment. */
async function streamed(
  scene: Scene,
  chunks: readonly (string | Buffer)[],
  asking: object = ASKING,
): Promise<string> {
  scene.upstream.respond(() => ({ rawChunks: chunks }));
  const response = await scene.gateway.chat(asking);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.equal(text.match(/x-llm-gateway/g)?.length, 1);
  return text.replace(COMMENT, "");
}

function cutInto(text: string, size: number): readonly Buffer[] {
  const bytes = Buffer.from(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
}

const ODD_STREAM = [
  ": a comment\n\n",
  'event: message\ndata: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n',
  'id: 7\r\ndata: {"choices":[{"index":0,"delta":{"content":"caf\u00e9 \ud83d\ude00 \u4f60"}}]}\r\n\r\n',
  'data:{"choices":[{"index":0,\ndata:"delta":{"content":"two lines"}}]}\n\n',
  "\n",
  ": ping\r\r",
  'data: {"choices":[{"index":0,"delta":{"content":"\\"error\\": \\"usage\\":{ [DONE]"}}],' +
    '"usage":null,"error":null}\n\n',
  'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"big":90071992547409931234}\n\n',
  "data: [DONE]\r\n\r\n",
].join("");

test("events pass byte for byte, however they are spelled and wherever the chunks are cut", async (t) => {
  const scene = await startScene(t);
  for (const size of [1, 2, 3, 5, 16, 61, 4096]) {
    assert.equal(
      await streamed(scene, cutInto(ODD_STREAM, size)),
      ODD_STREAM,
      `chunks of ${size} bytes`,
    );
  }
});

test("the usage event is taken out when only the gateway asked for it, and kept when the client did", async (t) => {
  const scene = await startScene(t);
  const usage = [
    eventOf(USAGE),
    `data: ${JSON.stringify(USAGE, null, 1).replaceAll("\n", " ")}\n\n`,
    'data: {"usage" : {"prompt_tokens":7,"completion_tokens":3},"choices":[]}\n\n',
  ];
  const head = eventOf(delta("Hello.")) + eventOf(FINISH);
  const wanted = { ...ASKING, stream_options: { include_usage: true } };
  for (const event of usage) {
    assert.equal(await streamed(scene, [head, event, DONE]), head + DONE);
    assert.equal(await streamed(scene, [head, event, DONE], wanted), head + event + DONE);
  }
  // In one event with content it stays: nothing of an answer is ever taken away.
  const both =
    'data: {"choices":[{"index":0,"delta":{"content":"x"}}],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n';
  assert.equal(await streamed(scene, [head, both, DONE]), head + both + DONE);
  const list = await scene.gateway.read("/v1/conversations");
  assert.equal(list.data.length, 0);
});

test("the comment before [DONE] tells cost and receipt, and the OpenAI SDK passes over it", async (t) => {
  const { gateway, upstream } = await startScene(t);
  upstream.respond(textAnswer("A text in pieces.", { promptTokens: 7, completionTokens: 3 }));
  const response = await gateway.chat(ASKING);
  const text = await response.text();
  const comment: Json = JSON.parse(COMMENT.exec(text)?.[1] ?? "");
  assert.ok(
    text.endsWith(`${JSON.stringify(comment)}\n\n${DONE}`),
    "it stands right before the end",
  );
  assert.equal(comment.cost_usd, (7 * 3 + 3 * 15) / 1e6);
  assert.equal(comment.request_id, response.headers.get("x-request-id"));
  const receipt = await gateway.read(`/v1/receipts/${comment.request_id}`);
  assert.deepEqual(
    [
      receipt.execution.tokens.prompt,
      receipt.execution.tokens.completion,
      receipt.execution.tokens.estimated,
    ],
    [7, 3, false],
  );
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "none", maxRetries: 0 });
  const pieces: string[] = [];
  for await (const chunk of await client.chat.completions.create({
    model: "auto",
    stream: true,
    messages: [{ role: "user", content: "?" }],
  })) {
    pieces.push(chunk.choices[0]?.delta.content ?? "");
  }
  assert.equal(pieces.join(""), "A text in pieces.");
});

test("an answer ends exactly once, however its upstream ends it", async (t) => {
  const scene = await startScene(t);
  const whole = eventOf(delta("Hello.")) + eventOf(FINISH);
  const endings: readonly (readonly [string, string])[] = [
    ["[DONE] twice", DONE + DONE],
    ["data behind [DONE]", DONE + eventOf(delta("more")) + eventOf({ error: { message: "late" } })],
    ["no [DONE] behind the finish reason", ""],
    ["[DONE] without its blank line", "data: [DONE]"],
    ["[DONE] with half of its blank line", "data: [DONE]\n"],
    ["a comment behind the finish reason", ": bye"],
    ["a cut event behind the finish reason", 'data: {"choices":[{"ind'],
  ];
  for (const [title, ending] of endings) {
    const text = await streamed(scene, [whole, ending]);
    assert.equal(text.replace(/\n+$/, "\n\n"), whole + DONE, title);
  }
  const usageLast = `${whole}data: ${JSON.stringify(USAGE)}`;
  assert.equal(await streamed(scene, [usageLast]), whole + DONE);
  const open = eventOf(delta("Hello."));
  assert.equal(await streamed(scene, [open, "data: [DONE]"]), open + DONE, "no finish reason");
  const asked = scene.upstream.requests.length;
  assert.equal(asked, endings.length + 2, "none of them was tried twice");
});

test("a provider that goes on sending behind the end loses its connection, and no client waits for it", async (t) => {
  const closed = Promise.withResolvers<void>();
  const upstream = await startLive(t, ({ response }) => {
    beginEvents(response);
    response.on("close", closed.resolve);
    response.write(PLAIN);
    const flood = setInterval(() => response.write(`: ${"x".repeat(20_000)}\n\n`), 5);
    response.on("close", () => clearInterval(flood));
  });
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const response = await gateway.chat(ASKING);
  assert.equal((await response.text()).replace(COMMENT, ""), PLAIN);
  await closed.promise;
});

/** Resolves when `measure` has not changed for a while. */
async function settled(measure: () => number): Promise<number> {
  let last = -1;
  for (let calm = 0; calm < 25;) {
    await pause(20);
    const now = measure();
    calm = now === last ? calm + 1 : 0;
    last = now;
  }
  return last;
}

const MEGABYTE = 1024 * 1024;
const PIECE = eventOf(delta("x".repeat(MEGABYTE / 16)));

/** A client that has asked for a stream and reads nothing until `readAll`. */
async function askWithoutReading(t: TestContext, gateway: TestGateway) {
  const socket = await dial(gateway.url);
  t.after(() => socket.destroy());
  socket.write(chatBytes({ body: JSON.stringify(ASKING) }));
  return async (): Promise<{ bytes: number; tail: string }> => {
    let bytes = 0;
    let tail = "";
    for await (const chunk of socket) {
      bytes += chunk.length;
      tail = (tail + chunk.toString("latin1")).slice(-200);
    }
    return { bytes, tail };
  };
}

test("a client that does not read stops the upstream, and gets everything once it reads", async (t) => {
  const total = 96 * MEGABYTE;
  let sent = 0;
  const upstream = await startLive(t, ({ response }) => {
    beginEvents(response);
    const pump = (): void => {
      while (sent < total) {
        sent += PIECE.length;
        if (!response.write(PIECE)) return void response.once("drain", pump);
      }
      response.end(eventOf(FINISH) + DONE);
    };
    pump();
  });
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const readAll = await askWithoutReading(t, gateway);
  const taken = await settled(() => sent);
  assert.ok(
    taken > 0 && taken < total / 4,
    `${taken} bytes were taken for a client that reads none`,
  );
  const { bytes, tail } = await readAll();
  assert.ok(sent >= total && bytes > sent);
  assert.match(tail, /data: \[DONE\]\n\n/);
});

test("a small compressed stream does not fill the memory of a gateway whose client does not read", async (t) => {
  const pieces = 96 * 16;
  // Members of their own, so that the test itself never holds the decoded stream.
  const piece = gzipSync(PIECE);
  const end = gzipSync(eventOf(FINISH) + DONE);
  const bytes = Buffer.concat([...Array.from({ length: pieces }, () => piece), end]);
  assert.ok(bytes.length < MEGABYTE);
  const upstream = await startLive(t, ({ response }) => {
    beginEvents(response, { "content-encoding": "gzip" });
    response.end(bytes);
  });
  const gateway = await startGateway(t, { providers: [provider("lab", upstream)] });
  const before = process.memoryUsage().arrayBuffers;
  const readAll = await askWithoutReading(t, gateway);
  const grown =
    (await settled(() => Math.round(process.memoryUsage().arrayBuffers / MEGABYTE))) -
    before / MEGABYTE;
  assert.ok(grown < 48, `${grown} MiB are held for a client that reads none`);
  const read = await readAll();
  assert.ok(read.bytes > pieces * PIECE.length);
  assert.match(read.tail, /data: \[DONE\]\n\n/);
});
