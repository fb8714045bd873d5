// The scripted Bedrock upstream read by hand, frame by frame, and its judge against wrong requests.

import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { validateBedrockConverse } from "./bedrock-request.ts";
import { refusesAll, started } from "./dialect-scene.ts";
import { isJson, objectsOf, signatureOf, textOf } from "./judge.ts";
import type { Json } from "./judge.ts";
import type { DialectUpstream } from "./scripted-upstream.ts";
import { always, cut, endsEarly, fails, failsInside, oneTool } from "./step.ts";
import { reply, text, tools, until } from "./step.ts";

const PATH = "/model/us.anthropic.claude-x-v1%3A0/converse";
const HEADERS = { "content-type": "application/json", authorization: "Bearer k" };
const TOOL = {
  toolSpec: { name: "look", inputSchema: { json: { type: "object", properties: {} } } },
};
const asks = { role: "user", content: [{ text: "Weather?" }] };
const BODY = { messages: [asks], toolConfig: { tools: [TOOL] } };

function post(upstream: DialectUpstream, path: string, body: object = BODY): Promise<Response> {
  const url = `${upstream.baseUrl}${path}`;
  return fetch(url, { method: "POST", headers: HEADERS, body: JSON.stringify(body) });
}

async function whole(upstream: DialectUpstream, body: object = BODY): Promise<Json> {
  const json: unknown = await (await post(upstream, PATH, body)).json();
  assert.ok(isJson(json));
  return json;
}

interface Frame {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Json;
}

/** Lengths, two checksums, headers, payload: as AWS describes its event stream encoding. */
function framesOf(bytes: Buffer): readonly Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const frame = bytes.subarray(at, at + bytes.readUInt32BE(at));
    assert.equal(frame.readUInt32BE(8), crc32(frame.subarray(0, 8)), "checksum of the prelude");
    const end = frame.length - 4;
    assert.equal(frame.readUInt32BE(end), crc32(frame.subarray(0, end)), "checksum of the frame");
    const headersEnd = 12 + frame.readUInt32BE(4);
    const payload: unknown = JSON.parse(frame.toString("utf8", headersEnd, end));
    assert.ok(isJson(payload));
    frames.push({ headers: headersOf(frame.subarray(12, headersEnd)), payload });
    at += frame.length;
  }
  return frames;
}

function headersOf(bytes: Buffer): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < bytes.length;) {
    const nameEnd = at + 1 + bytes.readUInt8(at);
    assert.equal(bytes.readUInt8(nameEnd), 7, "a header is a string");
    const valueEnd = nameEnd + 3 + bytes.readUInt16BE(nameEnd + 1);
    headers[bytes.toString("utf8", at + 1, nameEnd)] = bytes.toString(
      "utf8",
      nameEnd + 3,
      valueEnd,
    );
    at = valueEnd;
  }
  return headers;
}

async function streamed(upstream: DialectUpstream): Promise<readonly Frame[]> {
  const response = await post(upstream, `${PATH}-stream`);
  assert.equal(response.headers.get("content-type"), "application/vnd.amazon.eventstream");
  return framesOf(Buffer.from(await response.arrayBuffer()));
}

const named = (frames: readonly Frame[], type: string) =>
  frames.filter(({ headers }) => headers[":event-type"] === type).map(({ payload }) => payload);

test("a whole answer holds reasoning, text, calls, stop reason and usage", async (t) => {
  const step = reply({
    reasoning: "I think so.",
    isRedacted: true,
    text: "Rain.",
    calls: oneTool("look").calls,
  });
  const upstream = await started(t, "bedrock-converse", always(step));
  const signature = signatureOf("bedrock-converse", "I think so.");
  assert.deepEqual(await whole(upstream), {
    output: {
      message: {
        role: "assistant",
        content: [
          { reasoningContent: { reasoningText: { text: "I think so.", signature } } },
          { reasoningContent: { redactedContent: signature } },
          { text: "Rain." },
          { toolUse: { toolUseId: "tooluse_1_0", name: "look", input: {} } },
        ],
      },
    },
    stopReason: "tool_use",
    usage: {
      inputTokens: 50,
      outputTokens: 20,
      totalTokens: 120,
      cacheReadInputTokens: 40,
      cacheWriteInputTokens: 10,
      cacheDetails: [{ inputTokens: 10, ttl: "5m" }],
    },
    metrics: { latencyMs: 42 },
  });
  assert.deepEqual(upstream.faults, []);
});

test("a stream is made of sealed frames whose deltas add up to the answer", async (t) => {
  const calls = [
    { name: "look", input: { city: "Kyiv" } },
    { name: "look", input: {} },
  ];
  const step = reply({ reasoning: "I think so.", text: "A text longer than a piece.", calls });
  const upstream = await started(t, "bedrock-converse", always(step));
  const frames = await streamed(upstream);
  assert.deepEqual(
    frames.map(({ headers }) => headers[":message-type"]),
    frames.map(() => "event"),
  );
  const deltas = named(frames, "contentBlockDelta");
  const blocks = [0, 1, 2, 3].map((index) =>
    deltas
      .filter(({ contentBlockIndex }) => contentBlockIndex === index)
      .map(({ delta }) => JSON.stringify(delta).replace(/.*"(?:text|input)":("(?:.*)")\}+$/, "$1")),
  );
  const joined = blocks.map((pieces) =>
    pieces.map((piece) => (piece.startsWith('"') ? textOf(JSON.parse(piece)) : piece)).join(""),
  );
  const signature = signatureOf("bedrock-converse", "I think so.");
  assert.deepEqual(joined, [
    `I think so.{"reasoningContent":{"signature":"${signature}"}}`,
    "A text longer than a piece.",
    '{"city":"Kyiv"}',
    "{}",
  ]);
  assert.equal(named(frames, "contentBlockStart").length, 2);
  assert.equal(named(frames, "contentBlockStop").length, 4);
  assert.equal(named(frames, "messageStop")[0]?.["stopReason"], "tool_use");
  const [metadata] = named(frames, "metadata");
  assert.ok(isJson(metadata?.["usage"]));
  assert.equal(metadata["usage"]["cacheReadInputTokens"], 40);
  assert.deepEqual(upstream.faults, []);
});

test("an agent returns what it got without fault; the marker ends its loop", async (t) => {
  const step = reply({ reasoning: "Again.", calls: oneTool("look").calls });
  const upstream = await started(t, "bedrock-converse", until("[stop]", step, text("Done.")));
  const messages: object[] = [asks];
  for (let turn = 1; turn <= 3; turn += 1) {
    const { output } = await whole(upstream, { ...BODY, messages });
    const message = isJson(output) && isJson(output["message"]) ? output["message"] : {};
    messages.push(message);
    const words = turn === 3 ? "[stop]" : "rain";
    const results = objectsOf(message["content"])
      .map(({ toolUse }) => toolUse)
      .filter(isJson)
      .map(({ toolUseId }) => ({ toolResult: { toolUseId, content: [{ text: words }] } }));
    messages.push({ role: "user", content: results });
  }
  const last = await whole(upstream, { ...BODY, messages });
  assert.equal(last["stopReason"], "end_turn");
  assert.deepEqual(upstream.faults, []);
});

test("errors come typed before an answer, and as an exception frame inside", async (t) => {
  const upstream = await started(t, "bedrock-converse", always(fails("rate_limited")));
  const refused = await post(upstream, PATH);
  assert.equal(refused.status, 429);
  assert.match(refused.headers.get("x-amzn-errortype") ?? "", /^ThrottlingException:/);
  upstream.play(always(failsInside(text("Half of it."), 2, "rate_limited")));
  const last = (await streamed(upstream)).at(-1);
  assert.equal(last?.headers[":message-type"], "exception");
  assert.equal(last.headers[":exception-type"], "throttlingException");
  upstream.play(always(endsEarly(text("Half of it."), 2)));
  assert.equal((await streamed(upstream)).length, 2);
  upstream.play(always(cut(text("Half of it."), 2)));
  await assert.rejects(streamed(upstream));
  upstream.play(always(tools()));
});

const use = { toolUse: { toolUseId: "t1", name: "look", input: {} } };
const result = { toolResult: { toolUseId: "t1", content: [{ text: "rain" }] } };
const says = { text: "x" };
const thinks = (reasoningText: object) => ({ reasoningContent: { reasoningText } });
const user = (...content: readonly object[]) => ({ role: "user", content });
const assistant = (...content: readonly object[]) => ({ role: "assistant", content });
const sheet = { document: { format: "txt", name: "sheet", source: { bytes: "aGk=" } } };
const talk = (...messages: readonly object[]) => ({ messages: [asks, ...messages] });
const point = { cachePoint: { type: "default" } };
const signed =
  "AWS4-HMAC-SHA256 Credential=AKID/20261120/eu-west-1/bedrock/aws4_request, " +
  `SignedHeaders=host;x-amz-date, Signature=${"a".repeat(64)}`;

refusesAll({
  name: "Converse",
  validate: validateBedrockConverse,
  path: PATH,
  headers: { ...HEADERS, authorization: signed, "x-amz-date": "20261120T101112Z" },
  body: {
    ...BODY,
    ...talk(assistant(thinks({ text: "hm", signature: "abc" }), says, use), user(result, says)),
    system: [says, point],
    inferenceConfig: { maxTokens: 10, stopSequences: ["x"] },
  },
  wrong: [
    [{ messages: [] }, /messages/],
    [{ modelId: "x" }, /unknown key "modelId"/],
    [{ inferenceConfig: { maxOutputTokens: 5 } }, /unknown key "maxOutputTokens"/],
    [{ inferenceConfig: { temperature: 2 } }, /temperature/],
    [{ system: "x" }, /system/],
    [{ messages: [assistant(says), asks] }, /must be the user's/],
    [talk(asks), /roles must alternate/],
    [talk({ role: "system", content: [says] }), /role/],
    [talk({ role: "assistant", content: "x" }), /content/],
    [talk(assistant({ text: " " }), asks), /blank/],
    [talk(assistant({ type: "text", text: "x" }), asks), /unknown key "type"/],
    [talk(assistant(use)), /not answered/],
    [talk(assistant(use), asks), /a toolResult for t1 is expected/],
    [talk(assistant(says), user(result)), /which the message before lacks/],
    [talk(assistant(use), user(says, result)), /must come first/],
    [talk(assistant(use), user(result, result)), /two toolResult/],
    [talk(assistant(use, use), user(result)), /share an id/],
    [talk(assistant({ toolUse: { ...use.toolUse, toolUseId: "a:b" } })), /toolUseId/],
    [talk(assistant({ toolUse: { ...use.toolUse, input: "{}" } })), /input/],
    [talk(assistant(use), user({ toolResult: { toolUseId: "t1", content: "rain" } })), /content/],
    [talk(assistant(thinks({ text: "hm" })), asks), /needs its signature/],
    [
      talk(assistant(thinks({ text: "hm", signature: signatureOf("gemini", "x") })), asks),
      /another provider/,
    ],
    [{ messages: [user(says, sheet, sheet)] }, /must be unique/],
    [{ messages: [user(sheet)] }, /needs a text beside it/],
    [
      {
        guardrailConfig: {
          guardrailIdentifier: "g",
          guardrailVersion: "1",
          streamProcessingMode: "sync",
        },
      },
      /belongs to streams/,
    ],
    [{ toolConfig: undefined }, /toolConfig: is required/],
    [{ toolConfig: { tools: [] } }, /toolConfig/],
    [{ toolConfig: { tools: [TOOL, TOOL] } }, /unique/],
    [{ toolConfig: { tools: [TOOL], toolChoice: "auto" } }, /toolChoice/],
    [
      { toolConfig: { tools: [TOOL], toolChoice: { tool: { name: "other" } } } },
      /no tool is named/,
    ],
    [{ system: [point, point, point, point, point] }, /5 cache points/],
    [{ guardrailConfig: { guardrailIdentifier: "g", guardrailVersion: "0" } }, /guardrailVersion/],
  ],
  wrongHeaders: [
    [{ authorization: undefined }, /authorization/],
    [{ authorization: signed.replace("/bedrock/", "/s3/") }, /authorization/],
    [{ authorization: signed.replace("host;", "") }, /host must be signed/],
    [{ "x-amz-date": undefined }, /x-amz-date/],
    [{ "x-conversation-id": "a" }, /x-conversation-id/],
  ],
  wrongPaths: [
    ["/model/us.anthropic.claude-x-v1:0/converse", /percent-encoded/],
    ["/model/a/invoke", /path/],
  ],
});
