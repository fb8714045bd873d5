// Goal: an answer that goes round in circles is seen, recorded and corrected on the next turn, and where a profile says
// so it is cut while it is written; every other answer passes untouched.
// Method: a scripted upstream that writes the same sentence again and again, read as bytes and by the OpenAI SDK.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import OpenAI from "openai";
import {
  inConversation,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import {
  startUpstream,
  textAnswer,
  toolAnswer,
  type CapturedRequest,
  type Upstream,
  type UpstreamHandler,
} from "../support/upstream.ts";
import { delta, eventOf, FINISH } from "./live-upstream.ts";

const SENTENCE = 'Let me look at the "log" file once more,\nto be sure. ';
const LOOP = SENTENCE.repeat(30);
/** More than anybody would wait for. */
const ENDLESS = SENTENCE.repeat(3_000);
const MARKER = "[fairlead]";
const DONE = eventOf("[DONE]");
const COMMENT = /^: x-llm-gateway .*\n\n/m;

interface Scene {
  readonly gateway: TestGateway;
  readonly upstream: Upstream;
}

/** A gateway that also has the profile CUTTER: AGENT, with answers cut. */
async function startScene(
  t: TestContext,
  handler: UpstreamHandler,
  about: Readonly<Record<string, unknown>> = {},
): Promise<Scene> {
  const upstream = await startUpstream(handler);
  t.after(() => upstream.close());
  const profiles = mkdtempSync(join(tmpdir(), "fairlead-profiles-"));
  t.after(() => rmSync(profiles, { recursive: true, force: true }));
  const divergence = { mode: "correct", cutRepetition: true };
  writeFileSync(join(profiles, "cutter.json"), JSON.stringify({ divergence }));
  const tree = { providers: [provider("lab", upstream)], profiles, ...about };
  return { upstream, gateway: await startGateway(t, tree) };
}

function asking(about: Readonly<Record<string, unknown>> = {}): Json {
  const messages = [{ role: "user", content: "What does the log say?" }];
  return { model: "auto", stream: true, messages, ...about };
}

/** Reads a whole answer; resolves with its text and its receipt. */
async function ask(
  { gateway }: Scene,
  headers: Readonly<Record<string, string>>,
  body: Json = asking(),
): Promise<{ text: string; state: string | null; receipt: Json }> {
  const response = await gateway.chat(body, headers);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
  return { text, state: response.headers.get("x-conversation-state"), receipt };
}

/** The deltas of a stream, joined. */
function said(stream: string): string {
  const events = stream.match(/^data: \{.*$/gm) ?? [];
  const chunks: Json[] = events.map((event) => JSON.parse(event.slice("data: ".length)));
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
}

/** Goes round in circles until it reads a correction. */
function circling(request: CapturedRequest) {
  const corrected = request.raw.includes(MARKER);
  return textAnswer(corrected ? "The log says nothing new." : LOOP)(request);
}

/** Never comes to an end, and falls silent at some time: only who hangs up is rid of it. */
const endless: UpstreamHandler = (request) => ({ ...textAnswer(ENDLESS)(request), holdAfter: 200 });

for (const stream of [true, false]) {
  const how = stream ? "streamed" : "JSON";
  test(`an answer that repeats itself passes whole, and is recorded and corrected next turn (${how})`, async (t) => {
    const scene = await startScene(t, circling);
    const headers = inConversation("circles");
    const body = asking({ stream });
    const first = await ask(scene, headers, body);
    const answer = stream ? said(first.text) : JSON.parse(first.text).choices[0].message.content;
    assert.equal(answer, LOOP);
    assert.equal(first.receipt.outcome, "completed");
    assert.equal(first.receipt.execution.repetition.kind, "passage");
    assert.equal(first.receipt.execution.cut, null);
    assert.equal(first.receipt.verdict.pattern, "stream-repetition");
    assert.equal(first.receipt.verdict.severity, "firing");
    const [thread] = (await scene.gateway.read("/v1/conversations/circles")).threads;
    assert.deepEqual(
      thread.verdicts.map((verdict: Json) => [verdict.turn, verdict.pattern]),
      [[1, "stream-repetition"]],
    );

    const more = [
      ...body.messages,
      { role: "assistant", content: LOOP },
      { role: "user", content: "And?" },
    ];
    const second = await ask(scene, headers, { ...body, messages: more });
    assert.equal(second.state, "correcting");
    assert.equal(second.receipt.correction.pattern, "stream-repetition");
    assert.match(scene.upstream.requests[1]?.raw.toString() ?? "", /went round in circles/);
    assert.equal(second.receipt.execution.repetition, null);
    const seen = await scene.gateway.read("/v1/conversations/circles");
    assert.equal(seen.corrections.length, 1);
    assert.equal(seen.corrections[0].outcome.kind, "recovered");
    assert.equal(seen.threads[0].verdicts.length, 1, "told once");

    const answered = { role: "assistant", content: "The log says nothing new." };
    const messages = [...more, answered, { role: "user", content: "Thanks." }];
    const third = await ask(scene, headers, { ...body, messages });
    assert.equal(third.state, "steady");
    assert.equal(third.receipt.correction, null);
  });
}

test("an answer that repeats itself is no answer that a correction has helped to", async (t) => {
  const scene = await startScene(t, textAnswer(LOOP));
  const headers = inConversation("stubborn");
  const messages: Json[] = asking().messages;
  const states: (string | null)[] = [];
  for (let turn = 1; turn <= 3; turn += 1) {
    states.push((await ask(scene, headers, asking({ messages }))).state);
    messages.push({ role: "assistant", content: LOOP }, { role: "user", content: "And?" });
  }
  assert.deepEqual(states, ["steady", "correcting", "correcting"]);
  const seen = await scene.gateway.read("/v1/conversations/stubborn");
  assert.equal(seen.corrections[0].outcome, null);
});

test("watched in shadow it is recorded, and neither corrected nor cut", async (t) => {
  const scene = await startScene(t, textAnswer(LOOP), { divergence: "observe" });
  const headers = inConversation("shadow", "CUTTER");
  const body = asking();
  const first = await ask(scene, headers, body);
  assert.equal(said(first.text), LOOP);
  assert.equal(first.receipt.verdict.pattern, "stream-repetition");
  const more = [
    ...body.messages,
    { role: "assistant", content: LOOP },
    { role: "user", content: "And?" },
  ];
  const second = await ask(scene, headers, asking({ messages: more }));
  assert.equal(second.state, "suspected");
  assert.ok(scene.upstream.requests.every(({ raw }) => !raw.includes(MARKER)));
});

test("nobody looks at the text without a conversation, nor where divergence is off", async (t) => {
  const scene = await startScene(t, textAnswer(LOOP));
  for (const headers of [{}, inConversation("chatting", "CHAT")]) {
    const { text, receipt } = await ask(scene, headers);
    assert.equal(said(text), LOOP);
    assert.equal(receipt.execution.repetition, null);
    assert.equal(receipt.verdict, null);
  }
});

test("a cut answer ends for the OpenAI SDK as one that reached its limit, and the upstream is let go", async (t) => {
  const { gateway, upstream } = await startScene(t, endless);
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "none", maxRetries: 0 });
  const { data: stream, response } = await client.chat.completions
    .create(
      {
        model: "auto",
        stream: true,
        stream_options: { include_usage: true },
        messages: [{ role: "user", content: "What does the log say?" }],
      },
      { headers: inConversation("cut", "CUTTER") },
    )
    .withResponse();
  let text = "";
  const finishes: (string | null)[] = [];
  const ids = new Set<string>();
  let usage: OpenAI.CompletionUsage | null = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    if (chunk.choices[0] !== undefined) finishes.push(chunk.choices[0].finish_reason);
    ids.add(`${chunk.id} ${chunk.object}`);
    usage = chunk.usage ?? usage;
  }
  await upstream.requests[0]?.aborted;
  assert.ok(text.startsWith(SENTENCE.repeat(4)) && text.length < SENTENCE.length * 12);
  assert.deepEqual(new Set(finishes), new Set([null, "length"]));
  assert.equal(finishes.at(-1), "length");
  assert.equal(ids.size, 1, "our last chunks look like the others");

  const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
  assert.equal(receipt.outcome, "completed");
  assert.equal(receipt.execution.cut, "repetition");
  assert.equal(receipt.execution.finish_reason, "length");
  assert.equal(receipt.verdict.pattern, "stream-repetition");
  const { tokens } = receipt.execution;
  assert.equal(tokens.estimated, true);
  assert.ok(tokens.completion > 0 && receipt.cost.total_usd > 0);
  assert.deepEqual(
    [usage?.prompt_tokens, usage?.completion_tokens, usage?.total_tokens],
    [tokens.prompt, tokens.completion, tokens.total],
  );
  const seen = await gateway.read("/v1/conversations/cut");
  assert.equal(seen.totals.failed_turns, 0);
  assert.equal(upstream.requests.length, 1, "it is not tried again");
});

test("a cut answer ends behind its record, and tells its usage only where that was asked for", async (t) => {
  const scene = await startScene(t, endless);
  const { text } = await ask(scene, inConversation("cut-plain", "CUTTER"));
  const end = text.slice(text.search(COMMENT)).replace(COMMENT, "");
  const [last, done, ...more] = end.split(/(?<=\n\n)/);
  assert.match(last ?? "", /"choices":\[\{"index":0,"delta":\{\},"finish_reason":"length"\}\]/);
  assert.deepEqual([done, more], [DONE, []]);
  assert.doesNotMatch(text, /"usage"/);
});

test("the turn behind a cut answer is corrected", async (t) => {
  const scene = await startScene(t, (request, count) =>
    count === 1 ? endless(request, count) : textAnswer("Nothing.")(request),
  );
  const headers = inConversation("cut-on", "CUTTER");
  const body = asking();
  const { text } = await ask(scene, headers, body);
  const more = [
    ...body.messages,
    { role: "assistant", content: said(text) },
    { role: "user", content: "And?" },
  ];
  const second = await ask(scene, headers, asking({ messages: more }));
  assert.equal(second.receipt.correction.pattern, "stream-repetition");
  assert.equal(said(second.text), "Nothing.");
});

test("what the model thinks is watched and cut too", async (t) => {
  const thought = { choices: [{ index: 0, delta: { reasoning_content: SENTENCE } }] };
  const scene = await startScene(t, () => ({
    events: [...Array.from({ length: 2_000 }, () => thought), FINISH, "[DONE]"],
    delayMs: 1,
  }));
  const { receipt, text } = await ask(scene, inConversation("thinking", "CUTTER"));
  assert.equal(receipt.execution.cut, "repetition");
  assert.match(text, /"finish_reason":"length"/);
});

interface Untouched {
  readonly title: string;
  readonly answer: UpstreamHandler;
  readonly body?: Json;
  readonly headers?: Readonly<Record<string, string>>;
}

const CALL = {
  index: 0,
  id: "call_1",
  type: "function",
  function: { name: "note", arguments: "" },
};
const BEGUN_CALL = { choices: [{ index: 0, delta: { tool_calls: [CALL] } }] };
const LOOPED = Array.from({ length: 60 }, () => delta(SENTENCE));
const secondChoice = (content: string) => ({ choices: [{ index: 1, delta: { content } }] });
const REPORT = [
  "# Report\n\nThe run has three parts; each of them was measured twice.\n\n",
  `| part | state |\n|---|---|\n${"| build | is not yet known |\n".repeat(60)}\n`,
  `\`\`\`js\n${'console.log("again and again and again");\n'.repeat(60)}\`\`\`\n\n`,
  ...Array.from({ length: 40 }, (_, at) => `${at + 1}. Part ${at * 7} took ${at * 31} ms.\n`),
  `\n${"-".repeat(200)}\n\nThat is all.`,
].join("");

const UNTOUCHED: readonly Untouched[] = [
  { title: "a long healthy answer with a table, code and a list", answer: textAnswer(REPORT) },
  {
    title: "an answer that has begun a tool call",
    answer: () => ({ events: [delta("Well. "), BEGUN_CALL, ...LOOPED, FINISH, "[DONE]"] }),
  },
  {
    title: "a tool call whose arguments repeat themselves",
    answer: toolAnswer("note", { text: SENTENCE.repeat(40) }),
  },
  {
    title: "one of several answers",
    answer: () => ({
      events: [
        ...LOOPED,
        { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
        secondChoice("The other answer."),
        { choices: [{ index: 1, delta: {}, finish_reason: "stop" }] },
        "[DONE]",
      ],
    }),
    body: asking({ n: 2 }),
  },
  {
    title: "an answer that a person asked to be repeated",
    answer: textAnswer(LOOP),
    body: asking({ messages: [{ role: "user", content: "Write the sentence 30 times." }] }),
  },
  {
    title: "an answer to one who wants no corrections",
    answer: textAnswer(LOOP),
    headers: { "x-router-corrections": "off" },
  },
];

for (const { title, answer, body = asking(), headers = {} } of UNTOUCHED) {
  test(`${title} is never cut, whatever the profile says`, async (t) => {
    const scene = await startScene(t, answer);
    const plain = await ask(scene, {}, body);
    const watched = await ask(scene, { ...inConversation("whole", "CUTTER"), ...headers }, body);
    assert.equal(watched.text.replace(COMMENT, ""), plain.text.replace(COMMENT, ""));
    assert.equal(watched.receipt.execution.cut, null);
  });
}
