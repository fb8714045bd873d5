// Goal: what goes upstream is the client's own bytes but for what has to differ. Method: bodies as clients write them,
// compared byte by byte; the judge of the dialect says whether a note stands where a provider takes it.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readMessagesRequest } from "../../src/api/anthropic-request.ts";
import { sealThought } from "../../src/api/anthropic-seal.ts";
import type { CorrectionPlace } from "../../src/turn/deployment.ts";
import type { BodyInsertion, TurnRequest } from "../../src/turn/turn-request.ts";
import { validateAnthropicMessages } from "../support/dialects/anthropic-request.ts";
import type { Json } from "../support/gateway.ts";

const NOTE = "[fairlead] Try something else.";
const HEADERS = {
  "content-type": "application/json",
  "x-api-key": "k",
  "anthropic-version": "2026-10-21",
};

function read(body: string | object, headers: Readonly<Record<string, string>> = HEADERS) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return readMessagesRequest({
    body: Buffer.from(text),
    headers,
    url: "/v1/messages?beta=true",
    depthMax: 64,
  });
}

function relayed(request: TurnRequest, insertions: readonly BodyInsertion[] = []): string {
  const changes = { model: request.model, askForUsage: true, insertions };
  return request.relayBody(changes).toString("utf8");
}

/** The body with a note behind its last message. */
function noted(body: object, place: CorrectionPlace, headers = HEADERS): Json {
  const request = read(body, headers);
  const index = request.transcript.count - 1;
  return JSON.parse(relayed(request, [{ index, text: NOTE, place }]));
}

function faults(body: unknown): readonly string[] {
  return validateAnthropicMessages("/v1/messages", HEADERS, body);
}

const CALL = { type: "tool_use", id: "toolu_1", name: "look", input: { at: 1 } };
const RESULT = { type: "tool_result", tool_use_id: "toolu_1", content: "nothing" };
const MARK = { type: "ephemeral" };
const THOUGHT = { type: "thinking", thinking: "hm", signature: "c2lnbmVk/+==" };

function agentBody(last: object, about: object = {}): object {
  return {
    model: "claude-x",
    max_tokens: 10,
    system: [{ type: "text", text: "You are.", cache_control: MARK }],
    messages: [
      { role: "user", content: "Find it." },
      { role: "assistant", content: [THOUGHT, CALL] },
      last,
    ],
    tools: [{ name: "look", input_schema: { type: "object" } }],
    ...about,
  };
}

test("a body that needs no change goes upstream as the very bytes that came", () => {
  const text =
    ' {"max_tokens" : 1.50e1, "model":"claude-x","metadata":{"user_id":"u"},\n' +
    '"messages":[{"role":"user","content":[{"type":"text","text":"\\u0041\\/é",' +
    '"cache_control":{"type":"ephemeral"}}]},{"role":"assistant","content":[{"signature":"c2ln",' +
    '"thinking":"","type":"thinking"},{"type":"text","text":"x"}]},' +
    '{"role":"user","content":"go"}] , "stream":true }';
  assert.equal(relayed(read(text)), text);
});

test("only the model's name and the gateway's own fields differ, wherever they stand", () => {
  const text =
    '{"x-routing-hints":{"a":1},"model":"auto","messages":[{"role":"user","content":"go"}],"max_tokens":1}';
  const request = read(text);
  const body = request.relayBody({ model: "claude-x", askForUsage: true, insertions: [] });
  assert.equal(
    body.toString(),
    '{"model":"claude-x","messages":[{"role":"user","content":"go"}],"max_tokens":1}',
  );
});

test("a note follows the results and the client's cache mark, in the same message", () => {
  const marked = { ...RESULT, cache_control: MARK };
  const body = noted(agentBody({ role: "user", content: [marked] }), "user-after-tool");
  assert.deepEqual(body.messages[2].content, [marked, { type: "text", text: NOTE }]);
  assert.equal(body.messages.length, 3);
  assert.deepEqual(faults(body), []);
});

test("a content that is a string stays one, with the note at its end", () => {
  const body = noted(
    { model: "m", max_tokens: 1, messages: [{ role: "user", content: 'say "x"' }] },
    "user-after-tool",
  );
  assert.equal(body.messages[0].content, `say "x"\n\n${NOTE}`);
  assert.deepEqual(faults(body), []);
});

for (const [what, content, expected] of [
  ["a text", "nothing", `nothing\n\n${NOTE}`],
  [
    "a list",
    [{ type: "text", text: "no" }],
    [
      { type: "text", text: "no" },
      { type: "text", text: NOTE },
    ],
  ],
  ["an empty list", [], [{ type: "text", text: NOTE }]],
  ["no content at all", undefined, NOTE],
] as const) {
  test(`a note for the tail of a result goes into the last one, be it ${what}`, () => {
    const result = { type: "tool_result", tool_use_id: "toolu_1", content };
    const body = noted(agentBody({ role: "user", content: [result] }), "tool-result-tail");
    assert.deepEqual(body.messages[2].content, [{ ...result, content: expected }]);
    assert.deepEqual(faults(body), []);
  });
}

test("a note as a system message follows the user's, where model and version take one", () => {
  const last = { role: "user", content: [RESULT] };
  const body = noted(agentBody(last), "late-system");
  assert.deepEqual(body.messages.slice(2), [last, { role: "system", content: NOTE }]);
  assert.deepEqual(faults(body), []);
  const older = noted(agentBody(last), "late-system", {
    ...HEADERS,
    "anthropic-version": "2023-06-01",
  });
  assert.deepEqual(older.messages[2].content, [RESULT, { type: "text", text: NOTE }]);
});

test("a system message of the client's at the end takes the note itself, or leaves it to the user's", () => {
  const messages = [
    { role: "user", content: "go" },
    { role: "system", content: "be brief" },
  ];
  const request = { model: "m", max_tokens: 1, messages };
  const late = noted(request, "late-system");
  assert.equal(late.messages[1].content, `be brief\n\n${NOTE}`);
  const user = noted(request, "user-after-tool");
  assert.deepEqual(user.messages, [{ role: "user", content: `go\n\n${NOTE}` }, messages[1]]);
  for (const body of [late, user]) assert.deepEqual(faults(body), []);
});

test("a prefilled answer stays the last message", () => {
  const prefill = { role: "assistant", content: "The answer is" };
  const body = noted(
    { model: "m", max_tokens: 1, messages: [{ role: "user", content: "go" }, prefill] },
    "user-after-tool",
  );
  assert.deepEqual(body.messages, [{ role: "user", content: `go\n\n${NOTE}` }, prefill]);
});

test("several notes at one place stand in the order in which they were sent", () => {
  const request = read(agentBody({ role: "user", content: [RESULT] }));
  const index = request.transcript.count - 1;
  const place = "user-after-tool" as const;
  const body: Json = JSON.parse(
    relayed(request, [
      { index, text: "first", place },
      { index, text: "second", place },
    ]),
  );
  const texts = body.messages[2].content.slice(1).map(({ text }: Json) => text);
  assert.deepEqual(texts, ["first", "second"]);
});

test("thoughts of another provider's model are taken out, those of this one stay to the byte", () => {
  const signature = sealThought({ google: { thoughtSignature: "b" } });
  const sealed = { type: "thinking", thinking: "x", signature };
  const text = { type: "text", text: "words" };
  const cases = [
    [[sealed, text], [text]],
    [[text, sealed], [text]],
    [
      [sealed, sealed, THOUGHT, sealed, CALL, sealed],
      [THOUGHT, CALL],
    ],
    [[sealed], [{ type: "text", text: "…" }]],
  ] as const;
  for (const [content, kept] of cases) {
    const messages = [
      { role: "user", content: "go" },
      { role: "assistant", content },
      { role: "user", content: "on" },
    ];
    const body = relayed(read({ model: "m", max_tokens: 1, messages }));
    const expected = { ...messages[1], content: kept };
    const wanted = { model: "m", max_tokens: 1, messages: [messages[0], expected, messages[2]] };
    assert.equal(body, JSON.stringify(wanted));
  }
});

const blocks = fc.array(
  fc.oneof(
    fc.string({ minLength: 1 }).map((text) => ({ type: "text", text: `t${text}` })),
    fc.constant({ type: "text", text: "m", cache_control: MARK }),
  ),
  // A request may hold four cache marks.
  { minLength: 1, maxLength: 2 },
);
const contents = fc.oneof(
  blocks,
  fc.string({ minLength: 1 }).map((text) => `s${text}`),
);

test("with and without a later turn, all bytes up to a note are equal", () => {
  const places = fc.constantFrom<CorrectionPlace>(
    "user-after-tool",
    "late-system",
    "tool-result-tail",
  );
  const system = fc.option(fc.constant("You are."), { nil: undefined });
  fc.assert(
    fc.property(contents, contents, places, system, (first, next, place, prompt) => {
      const before = [{ role: "user", content: first }];
      const after = [
        ...before,
        { role: "assistant", content: "ok" },
        { role: "user", content: next },
      ];
      const index = prompt === undefined ? 0 : 1;
      const made = [before, after].map((messages) => {
        const request = read({ model: "m", max_tokens: 1, system: prompt, messages });
        return relayed(request, [{ index, text: NOTE, place }]);
      });
      const [short = "", long = ""] = made;
      const end = short.indexOf(NOTE) + NOTE.length;
      assert.ok(end > NOTE.length);
      assert.equal(long.slice(0, end), short.slice(0, end));
      for (const text of made) assert.deepEqual(faults(JSON.parse(text)), []);
    }),
    { numRuns: 60 },
  );
});
