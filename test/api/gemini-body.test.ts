// Goal: what goes upstream is the client's own bytes, with what belongs to the gateway put in and taken out.
// Method: bodies with one peculiarity each, and random conversations.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readGeminiRequest } from "../../src/api/gemini-request.ts";
import { sealThoughts } from "../../src/api/gemini-seal.ts";
import type { BodyInsertion } from "../../src/turn/turn-request.ts";

type Part = Readonly<Record<string, unknown>>;
interface Content {
  readonly role?: string;
  readonly parts?: unknown;
}

const URL = "/v1beta/models/auto:generateContent";

function relay(body: unknown, insertions: readonly BodyInsertion[] = []): Buffer {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const request = readGeminiRequest({ body: bytes, url: URL, headers: {}, depthMax: 64 });
  return request.relayBody({ model: "big-1", insertions, askForUsage: true });
}

function relayed(body: unknown, insertions?: readonly BodyInsertion[]) {
  return JSON.parse(relay(body, insertions).toString("utf8"));
}

function note(index: number, text = "note"): BodyInsertion {
  return { index, text, place: "user-after-tool" };
}

const user = (...parts: readonly Part[]): Content => ({ role: "user", parts });
const model = (...parts: readonly Part[]): Content => ({ role: "model", parts });
const CALL = { functionCall: { name: "look", args: {} } };
const ANSWER = { functionResponse: { name: "look", response: { output: "1" } } };

test("without anything to change the very bytes go on", () => {
  const body = '{ "contents" : [ {"role":"user","parts":[{"text":"\\u0068i"}]} ] , "x": 1e2 }';
  assert.equal(relay(body).toString(), body);
});

test("the gateway's fields and the model's name stay here", () => {
  const own = { "x-routing-hints": {}, "x-fallback-chain": [], model: "models/other" };
  assert.deepEqual(relayed({ ...own, contents: [user({ text: "hi" })], labels: {} }), {
    contents: [user({ text: "hi" })],
    labels: {},
  });
});

test("a note is a text behind the responses of the last content", () => {
  const contents = [user({ text: "hi" }), model(CALL, CALL), user(ANSWER, ANSWER)];
  assert.deepEqual(relayed({ contents }, [note(2, "a"), note(2, "b")]).contents, [
    ...contents.slice(0, 2),
    user(ANSWER, ANSWER, { text: "a" }, { text: "b" }),
  ]);
});

test("places count messages: the system's is the first, and what the model said in a row is one", () => {
  const contents = [user({ text: "1" }), model({ text: "2" }), model(CALL), user(ANSWER)];
  const body = { contents, systemInstruction: { parts: [{ text: "Be brief." }] } };
  const made = relayed(body, [note(1, "early"), note(3, "late")]);
  assert.deepEqual(made.contents, [
    user({ text: "1" }, { text: "early" }),
    ...contents.slice(1, 3),
    user(ANSWER, { text: "late" }),
  ]);
});

test("behind an answer that the client began, a note goes to the user's side before it", () => {
  const contents = [user({ text: "hi" }), model({ text: "Sure," })];
  assert.deepEqual(relayed({ contents }, [note(1)]).contents, [
    user({ text: "hi" }, { text: "note" }),
    model({ text: "Sure," }),
  ]);
});

test("a content that takes no text gets one behind it", () => {
  const answered = { role: "function", parts: [ANSWER] };
  assert.deepEqual(relayed({ contents: [answered] }, [note(0)]).contents, [
    answered,
    user({ text: "note" }),
  ]);
  assert.deepEqual(relayed({ contents: [{ role: "user" }] }, [note(0)]).contents, [
    { role: "user" },
    user({ text: "note" }),
  ]);
});

test("a single part without its list becomes the first of one", () => {
  const contents = [{ parts: { text: "hi" } }];
  assert.deepEqual(relayed({ contents }, [note(0)]).contents, [
    { parts: [{ text: "hi" }, { text: "note" }] },
  ]);
  assert.deepEqual(relayed({ contents: [{ parts: [] }] }, [note(0)]).contents, [
    { parts: [{ text: "note" }] },
  ]);
});

test("thoughts of another provider do not reach this dialect's own", () => {
  const seal = sealThoughts([{ text: "Hm.", metadata: { other: { signature: "s" } } }]);
  const quoted = { text: JSON.stringify({ thoughtSignature: seal }) };
  const contents = [
    user({ text: "hi" }),
    model({ ...CALL, thoughtSignature: seal }, { ...CALL, thought_signature: seal }, quoted),
    model({ ...CALL, thoughtSignature: "b3du" }),
    user(ANSWER, ANSWER, ANSWER),
  ];
  const skip = "skip_thought_signature_validator";
  const made = relayed({ contents });
  assert.deepEqual(made.contents, [
    contents[0],
    model({ ...CALL, thoughtSignature: skip }, { ...CALL, thought_signature: skip }, quoted),
    ...contents.slice(2),
  ]);
});

const texts = fc.string({ unit: "binary" });
const parts = fc.array(
  fc.oneof(
    texts.map((text) => ({ text })),
    fc.constant(CALL),
  ),
  {
    minLength: 1,
    maxLength: 3,
  },
);
const contents = fc.array(fc.record({ role: fc.constantFrom("user", "model"), parts }), {
  minLength: 1,
  maxLength: 6,
});

test("notes add themselves and change nothing else, wherever they go", () => {
  fc.assert(
    fc.property(contents, fc.array(fc.tuple(fc.nat(8), texts), { maxLength: 4 }), (list, notes) => {
      const body = { contents: list };
      const marked = notes.map(([index, text], at) => note(index, `note ${at} ${text}`));
      const made: Content[] = relayed(body, marked).contents;
      const all = made.flatMap((content) => (Array.isArray(content.parts) ? content.parts : []));
      const added = all.filter(({ text }) => marked.some((one) => one.text === text));
      assert.equal(added.length, marked.length);
      const kept = all.filter((part) => !added.includes(part));
      assert.deepEqual(
        kept,
        list.flatMap((content) => content.parts),
      );
      for (const { role, parts: own } of made) {
        if (role === "model")
          assert.ok(!Array.isArray(own) || !own.some((part) => added.includes(part)));
      }
    }),
  );
});
