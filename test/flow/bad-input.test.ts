// Goal: whatever is wrong with a body, its sender is told in OpenAI's error body what to change,
// nothing of it leaks, and the gateway goes on.
// Method: a table of bad bodies through one gateway. Each holds canary strings.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assertAllRefused,
  GOOD,
  MESSAGES,
  PROMPT,
  startScene,
  type BadRequest,
} from "./refused.ts";

type Row = readonly [title: string, body: string | Buffer, says: RegExp];
type FieldRow = readonly [...Row, param: string];

const JSON_FAULTS: readonly Row[] = [
  ["a body cut in the middle", GOOD.slice(0, -9), /byte \d+.*Send valid JSON/],
  ["a trailing comma", `${GOOD.slice(0, -1)},}`, /byte \d+/],
  ["text behind the object", `${GOOD} ${GOOD}`, /end of the body/],
  ["no body", "", /the body ends/],
  ["an array", `[${GOOD}]`, /opening brace of an object/],
  ["a string", `"${PROMPT}"`, /opening brace of an object/],
  ["a byte order mark", `\ufeff${GOOD}`, /byte order mark/],
  ["UTF-16", Buffer.from(GOOD, "utf16le"), /byte 1/],
  ["a raw line break in a string", GOOD.replace(PROMPT, `${PROMPT}\n`), /control character/],
];

const cutCharacter = Buffer.from(GOOD);
cutCharacter[60] = 0xe2;

const deep = (levels: number) => withField(`"metadata":${"[".repeat(levels)}${"]".repeat(levels)}`);
const withField = (field: string) => `{"model":"lab/big","messages":${MESSAGES},${field}}`;
const withModel = (model: string) => `{"model":${model},"messages":${MESSAGES}}`;

const DUPLICATES: readonly FieldRow[] = [
  ["the model twice", withField('"model":"lab/other"'), /Send it once/, "model"],
  ["once escaped", withField(String.raw`"mod\u0065l":"lab/other"`), /Send it once/, "model"],
  ["the messages twice", withField('"messages":[]'), /Send it once/, "messages"],
  ["another spelling of model", withField('"Model":"lab/other"'), /only in spelling/, "model"],
  ["a long s", withField('"me\u017f\u017fages":[]'), /only in spelling/, "messages"],
  ["a Kelvin sign", withField('"x-fallbac\u212a-chain":[]'), /spelling/, "x-fallback-chain"],
];

const REQUESTS: readonly FieldRow[] = [
  ["no model", `{"messages":${MESSAGES}}`, /"auto" leaves the choice/, "model"],
  ["a number as model", withModel("7"), /model name/, "model"],
  ["an empty model", withModel('""'), /model name/, "model"],
  ["a model of 300 characters", withModel(`"${"m".repeat(300)}"`), /model name/, "model"],
  ["no messages", '{"model":"lab/big"}', /at least one message/, "messages"],
  ["an empty list", '{"model":"lab/big","messages":[]}', /at least one message/, "messages"],
  ["messages in an object", `{"model":"a","messages":{"0":${MESSAGES}}}`, /an array/, "messages"],
  ["a stream flag in quotes", withField('"stream":"true"'), /true or false/, "stream"],
];

const NAMES = /auto, chat-model, lab\/big/;
const MODELS: readonly FieldRow[] = [
  ["an unknown model", withModel('"gpt-nope"'), /"gpt-nope".*auto, chat-model, lab\/big/, "model"],
  ["an unknown provider", withModel('"nope/big"'), NAMES, "model"],
  ["a name that objects inherit", withModel('"constructor"'), NAMES, "model"],
  ["another provider's name for it", withModel('"lab/big-1"'), NAMES, "model"],
];

const rows = (code: string, table: readonly (Row | FieldRow)[]): readonly BadRequest[] =>
  table.map(([title, body, says, param]) => ({ title, body, code, says, param }));

test("a bad body is answered in OpenAI's error shape, and the next good one is served", (t) =>
  assertAllRefused(t, [
    ...rows("invalid_json", JSON_FAULTS),
    ...rows("invalid_encoding", [["a cut character", cutCharacter, /not valid UTF-8 at byte 60/]]),
    ...rows("body_too_deep", [["10 000 levels", deep(10_000), /Flatten it/]]),
    ...rows("body_too_deep", [["65 levels", deep(64), /too deeply at byte \d+/]]),
    ...rows("duplicate_field", DUPLICATES),
    ...rows("invalid_request", REQUESTS),
    ...rows("model_not_found", MODELS),
  ]));

const LISTS = [
  '{"role":"user","content":[null,7,{"type":"text"},{"type":"text","text":7},[]]}',
  '{"role":"assistant","tool_calls":{}}',
  '{"role":"assistant","tool_calls":[null,{"function":7},{"function":{"name":7,"arguments":{}}}]}',
  '{"role":"tool","tool_call_id":7,"content":[1]}',
  '{"__proto__":{"role":"user"},"role":"user","content":"x"}',
  String.raw`{"role":"user","content":"\ud800 alone"}`,
  '{"role":"user","role":"tool","content":"twice"}',
];
const ODD = ["null", "7", '"text"', "[]", "{}", '{"role":7}', '{"role":"user"}', ...LISTS];

test("messages of any odd shape are the upstream's to judge, with and without a conversation", async (t) => {
  const { gateway } = await startScene(t);
  for (const [index, message] of ODD.entries()) {
    const body = `{"model":"lab/big","messages":[${message},${MESSAGES.slice(1, -1)},${message}]}`;
    for (const profile of ["CHAT", "AGENT"]) {
      const id = `odd-${index}-${profile}`;
      const headers = { "x-conversation-id": id, "x-router-profile": profile };
      for (const sent of [{}, headers, headers]) {
        const response = await gateway.chat(body, sent);
        assert.equal(response.status, 200, `${message}: ${await response.text()}`);
      }
    }
  }
  assert.doesNotMatch(gateway.logged(), /"level":50/);
});
