// The scripted upstream is what other tests stand on, so what it promises is tested first.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import OpenAI from "openai";

import { startUpstream, textAnswer, toolAnswer } from "./upstream.ts";
import type { Upstream } from "./upstream.ts";

let upstream: Upstream;
before(async () => {
  upstream = await startUpstream();
});
after(() => upstream.close());

function post(body: string, signal: AbortSignal | null = null): Promise<Response> {
  return fetch(`${upstream.baseUrl}/chat/completions?beta=true`, { method: "POST", body, signal });
}

const MESSAGES = [{ role: "user" as const, content: "Hello?" }];

test("a request is captured byte for byte, with its headers and path", async () => {
  const body = '{ "model":"m",  "n":9007199254740993 }';
  const response = await post(body);
  await response.text();
  const captured = upstream.requests.at(-1);
  assert.equal(captured?.method, "POST");
  assert.equal(captured?.path, "/v1/chat/completions?beta=true");
  assert.equal(captured?.raw.toString(), body);
  assert.equal(captured?.headers["content-length"], String(body.length));
  assert.equal(captured?.abortedAt, null);
  await (await post("not json")).text();
  assert.equal(upstream.requests.at(-1)?.body, undefined);
});

test("texts and tool calls reach the SDK, streamed or whole", async () => {
  const client = new OpenAI({ baseURL: upstream.baseUrl, apiKey: "none", maxRetries: 0 });
  const both = async () => {
    const whole = await client.chat.completions.create({ model: "m", messages: MESSAGES });
    const stream = client.chat.completions.stream({
      model: "m",
      messages: MESSAGES,
      stream_options: { include_usage: true },
    });
    return [whole, await stream.finalChatCompletion()];
  };
  upstream.respond(
    textAnswer("a text longer than a piece", { promptTokens: 7, completionTokens: 3 }),
  );
  for (const { choices, usage } of await both()) {
    assert.equal(choices[0]?.message.content, "a text longer than a piece");
    assert.equal(usage?.total_tokens, 10);
  }
  upstream.respond(toolAnswer("search", { query: "a fairly long query" }));
  for (const { choices } of await both()) {
    const call = choices[0]?.message.tool_calls?.[0];
    assert.ok(call?.type === "function");
    assert.equal(call.function.arguments, '{"query":"a fairly long query"}');
    assert.equal(choices[0]?.finish_reason, "tool_calls");
  }
});

test("the handler is told how many requests came before, and may change in between", async () => {
  const second = await startUpstream((_request, count) => ({ status: 418, json: { count } }));
  for (const expected of [1, 2]) {
    const response = await fetch(second.url);
    assert.equal(response.status, 418);
    assert.deepEqual(await response.json(), { count: expected });
  }
  await second.close();
});

test("a stream is cut, ended early or sent as raw bytes, as scripted", async () => {
  upstream.respond(() => ({ events: [{ a: 1 }, "x", "[DONE]"], endAfter: 2 }));
  assert.equal(await (await post("{}")).text(), 'data: {"a":1}\n\ndata: x\n\n');
  upstream.respond(() => ({ rawChunks: ["da", Buffer.from("ta: é\r\n\r\n")], delayMs: 1 }));
  assert.equal(await (await post("{}")).text(), "data: é\r\n\r\n");
  upstream.respond(() => ({ events: ["one", "two"], cutAfter: 1 }));
  const cut = await post("{}");
  const reader = cut.body?.getReader();
  const first = await reader?.read();
  assert.equal(new TextDecoder().decode(first?.value), "data: one\n\n");
  await assert.rejects(async () => reader?.read());
  assert.equal(upstream.requests.at(-1)?.abortedAt, null);
});

test("refusing ends the connection without an answer", async () => {
  upstream.respond(() => ({ refuse: true }));
  await assert.rejects(post("{}"));
  assert.equal(upstream.requests.at(-1)?.abortedAt, null);
});

const SILENCES = [
  { title: "before the headers", script: { hang: "before-headers" } },
  { title: "after the headers", script: { hang: "after-headers" } },
  { title: "in the middle of a stream", script: { events: ["one", "two"], holdAfter: 1 } },
] as const;

for (const { title, script } of SILENCES) {
  test(`a peer that hangs up ${title} is noticed`, async () => {
    const arrived = Promise.withResolvers<void>();
    upstream.respond(() => {
      arrived.resolve();
      return script;
    });
    const leave = new AbortController();
    const asked = post("{}", leave.signal);
    asked.catch(() => "the abort of the caller itself");
    await arrived.promise;
    const captured = upstream.requests.at(-1);
    assert.equal(captured?.abortedAt, null);
    leave.abort();
    await captured.aborted;
    assert.equal(typeof captured.abortedAt, "number");
  });
}

test("a script that throws fails the test that closes it", async () => {
  const broken = await startUpstream(() => {
    throw new Error("a mistake in the script");
  });
  await assert.rejects(fetch(broken.url));
  await assert.rejects(broken.close(), /a mistake in the script/);
});

test("close() lets the process end while requests hang and sockets are kept alive", async () => {
  const script = `
    import { startUpstream } from ${JSON.stringify(new URL("./upstream.ts", import.meta.url).href)};
    const upstream = await startUpstream((_request, count) =>
      count === 1 ? { json: {} } : { events: ["one", "two"], delayMs: 1e8 });
    await (await fetch(upstream.url)).text();
    const streaming = await fetch(upstream.url);
    await upstream.close();
    await streaming.text().catch(() => console.log("closed"));
    console.log(upstream.requests[1].abortedAt);
  `;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], {
    timeout: 60_000,
  });
  assert.equal(stdout, "closed\nnull\n");
});
