// Goal: tokens are counted as the vocabulary counts them, each piece once, and no text can make the gateway wait.
// Method: real counts for texts that are traps, and a scripted thread for what must not be asked twice.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { get_encoding } from "tiktoken";
import { CHUNK_LENGTH_MAX, chunksOf } from "../../src/upstream/tokens/chunks.ts";
import type { CountThread } from "../../src/upstream/tokens/count-thread.ts";
import { createTokenCounter, type CountedPiece } from "../../src/upstream/tokens/counter.ts";
import { tokensAtLeast } from "../../src/upstream/tokens/vocabulary.ts";

const piece = (...texts: readonly string[]): CountedPiece => ({
  bytes: Buffer.from(JSON.stringify(texts)),
  texts: () => texts,
});

/** No promise rests on how fast a machine is. */
const PATIENT_MS = 60_000;

const throwOn = (error: Error): void => {
  throw error;
};

interface Scripted {
  readonly asked: (readonly string[])[];
  readonly startThread: () => CountThread;
}

/** Counts a token for each character, and remembers what it was asked. */
function scriptedThread(): Scripted {
  const asked: (readonly string[])[] = [];
  const startThread = (): CountThread => ({
    count: (texts) => {
      asked.push(texts);
      return Promise.resolve(texts.map((text) => text.length));
    },
    close: () => Promise.resolve(),
  });
  return { asked, startThread };
}

test("prose and code are counted as the vocabulary counts them", async (t) => {
  const counter = createTokenCounter({ onError: throwOn, waitMs: PATIENT_MS });
  t.after(() => counter.close());
  const encoding = get_encoding("o200k_base");
  t.after(() => encoding.free());
  const files = ["README.md", "docs/divergence.md", "src/upstream/walk.ts"];
  const texts = files.map((file) =>
    readFileSync(new URL(`../../${file}`, import.meta.url), "utf8"),
  );
  for (const text of texts) {
    const whole = encoding.encode_ordinary(text).length;
    const counted = await counter.count([piece(text)]);
    assert.ok(
      counted !== null && counted <= whole && counted >= whole * 0.99,
      `${counted}/${whole}`,
    );
  }
});

test("a text that stops a tokenizer, or means something to it, is counted like any other", async (t) => {
  const counter = createTokenCounter({ onError: throwOn, waitMs: PATIENT_MS });
  t.after(() => counter.close());
  for (const text of ["a".repeat(100_000), "あ".repeat(20_000), "<|endoftext|>", "", "\ud83d"]) {
    const counted = await counter.count([piece(text)]);
    assert.ok(counted !== null && counted >= 0 && counted <= text.length * 3, text.slice(0, 20));
  }
});

test("what was counted is known again by its bytes, and only what is new is counted", async (t) => {
  const { asked, startThread } = scriptedThread();
  const counter = createTokenCounter({ onError: throwOn, startThread });
  t.after(() => counter.close());
  assert.equal(asked.length, 0, "nothing is started before there is something to count");
  const history = [piece("one"), piece("three", "more")];
  assert.equal(await counter.count(history), 12);
  const unread: CountedPiece[] = history.map(({ bytes }) => ({
    bytes,
    texts: () => assert.fail("its text was read again"),
  }));
  assert.equal(await counter.count([...unread, piece("new")]), 15);
  assert.equal(await counter.count(unread), 12);
  assert.deepEqual(asked, [["one", "three", "more"], ["new"]]);
});

test("a request beyond every bound is not counted, and nothing is sent for it", async (t) => {
  const { asked, startThread } = scriptedThread();
  const counter = createTokenCounter({ onError: throwOn, startThread });
  t.after(() => counter.close());
  assert.equal(await counter.count([piece("x".repeat(4_000_001))]), null);
  assert.deepEqual(asked, []);
});

test("a thread that is lost is started anew, three times at most, and no turn fails by it", async (t) => {
  let started = 0;
  const errors: string[] = [];
  const startThread = (): CountThread => {
    started += 1;
    return { count: () => Promise.reject(new Error("gone")), close: () => Promise.resolve() };
  };
  const counter = createTokenCounter({
    onError: ({ message }) => errors.push(message),
    startThread,
  });
  t.after(() => counter.close());
  for (let turn = 0; turn < 5; turn += 1) assert.equal(await counter.count([piece("a")]), null);
  assert.equal(started, 3);
  assert.deepEqual(errors, ["gone", "gone", "gone"]);
});

test("a text is cut into short pieces that hold all of it, and never through a character", () => {
  const texts = fc.array(fc.oneof(fc.string(), fc.string({ unit: "binary" })), { maxLength: 200 });
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 80 }), (parts, times) => {
      const text = parts.map((part) => part.repeat(times)).join("");
      const { pieces, hardCuts } = chunksOf(text);
      assert.equal(pieces.join(""), text);
      assert.ok(pieces.every((each) => each.length > 0 && each.length <= CHUNK_LENGTH_MAX));
      assert.ok(hardCuts <= Math.max(0, pieces.length - 1));
      if (text.isWellFormed()) assert.ok(pieces.every((each) => each.isWellFormed()));
    }),
  );
});

test("a model of another vocabulary is never said to find more than it may", () => {
  for (const model of ["gpt-5.2", "openai/gpt-4o-mini", "o3", "gpt-oss-120b", "o4-mini"]) {
    assert.equal(tokensAtLeast(1_000, model), 1_000, model);
  }
  for (const model of [
    "claude-sonnet-5",
    "gemini-3-pro",
    "gpt-4",
    "gpt-3.5-turbo",
    "solo3",
    "big",
  ]) {
    assert.equal(tokensAtLeast(1_000, model), 750, model);
  }
});
