// What the simulator refuses, the faults it plays, and how it ends, as a caller meets them.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import OpenAI from "openai";
import type { ChatCompletionMessageParam } from "openai/resources";

import { EMBEDDINGS_MODEL } from "../../src/upstream/simulator/embeddings.ts";
import { SIMULATOR_MODELS } from "../../src/upstream/simulator/models.ts";
import { RecentKeys } from "../../src/upstream/simulator/recent-keys.ts";
import { startSimulator } from "../../src/upstream/simulator/server.ts";
import type { Simulator } from "../../src/upstream/simulator/server.ts";

const QUESTION: ChatCompletionMessageParam = { role: "user", content: "What is in notes.md?" };

let simulator: Simulator;
let client: OpenAI;

before(async () => {
  simulator = await startSimulator({ speed: 0 });
  client = new OpenAI({ baseURL: simulator.baseUrl, apiKey: "none", maxRetries: 0 });
});
after(() => simulator.close());

function ask(model: string, messages: ChatCompletionMessageParam[]) {
  return client.chat.completions.create({ model, messages });
}

describe("refusals", () => {
  test("an unknown model, path or body is refused in the shape the SDK understands", async () => {
    await assert.rejects(ask("no-such-model", [QUESTION]), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "model_not_found");
      return true;
    });
    await assert.rejects(client.embeddings.create({ model: "small", input: "x" }), {
      status: 404,
      code: "model_not_found",
    });
    await assert.rejects(client.moderations.create({ input: "x" }), {
      status: 404,
      code: "unknown_url",
    });
    await assert.rejects(ask("small", []), { status: 400, param: "messages" });
    const broken = await fetch(`${simulator.baseUrl}/chat/completions`, {
      method: "POST",
      body: "{",
    });
    assert.equal(broken.status, 400);
    await broken.body?.cancel();
  });

  test("a prompt beyond the context window is refused by name", async () => {
    const content = "x".repeat(4 * 33_000);
    await assert.rejects(ask("small", [{ role: "user", content }]), {
      status: 400,
      code: "context_length_exceeded",
    });
  });

  test("a body that is too large is refused, not read", async () => {
    const response = await fetch(`${simulator.baseUrl}/chat/completions`, {
      method: "POST",
      body: Buffer.alloc(8 * 1024 * 1024 + 1, " "),
    });
    assert.equal(response.status, 413);
    await response.body?.cancel();
  });

  test("every listed model has a price, quality and latency of its own", async () => {
    const listed = [];
    for await (const model of client.models.list()) listed.push(model.id);
    assert.deepEqual(
      listed,
      [...SIMULATOR_MODELS, EMBEDDINGS_MODEL].map((model) => model.model),
    );
    const steady = SIMULATOR_MODELS.filter((model) => model.faults.length === 0);
    const distinct = (values: readonly number[]) => new Set(values).size;
    assert.equal(distinct(steady.map((model) => model.price.input)), steady.length);
    assert.equal(distinct(steady.map((model) => model.quality.agent)), steady.length);
    assert.equal(distinct(steady.map((model) => model.latency.firstTokenMs)), steady.length);
  });

  test("no profile would choose a faulty model by itself", () => {
    const [faulty, steady] = [true, false].map((isFaulty) =>
      SIMULATOR_MODELS.filter((model) => model.faults.length > 0 === isFaulty),
    );
    for (const bad of faulty ?? []) {
      for (const good of steady ?? []) {
        assert.ok(bad.price.input > good.price.input);
        assert.ok(bad.quality.agent < good.quality.agent);
        assert.ok(bad.latency.firstTokenMs > good.latency.firstTokenMs);
      }
    }
  });
});

describe("faults", () => {
  const faults = [
    { model: "flaky-429", whole: { status: 429 }, streamed: { status: 429 } },
    { model: "flaky-500", whole: { status: 500 }, streamed: { status: 500 } },
    { model: "flaky-cut", whole: Error, streamed: Error },
    { model: "flaky-error-event", whole: null, streamed: { message: "Simulated error." } },
  ];
  for (const { model, whole, streamed } of faults) {
    test(`${model} fails the first attempt of every distinct request and then works`, async () => {
      for (const content of ["one", "two"]) {
        const messages: ChatCompletionMessageParam[] = [{ role: "user", content }];
        if (whole !== null) await assert.rejects(ask(model, messages), whole);
        // A 200 whose body is an error: the SDK does not notice, a gateway has to.
        if (whole === null) assert.equal((await ask(model, messages)).choices, undefined);
        const { choices } = await ask(model, messages);
        assert.match(choices[0]?.message.content ?? "", /simulated/);
      }
      const messages: ChatCompletionMessageParam[] = [{ role: "user", content: "streamed" }];
      const stream = async () =>
        client.chat.completions.stream({ model, messages }).finalChatCompletion();
      await assert.rejects(stream, streamed);
      assert.match((await stream()).choices[0]?.message.content ?? "", /simulated/);
    });
  }

  test("flaky meets one of the faults and then works", async () => {
    const failed = await ask("flaky", [QUESTION]).then(
      (completion) => completion.choices === undefined,
      () => true,
    );
    assert.ok(failed);
    assert.equal((await ask("flaky", [QUESTION])).choices.length, 1);
  });

  test("flaky-hang never answers the first attempt and lets callers leave", async () => {
    const leave = new AbortController();
    const hanging = client.chat.completions.create(
      { model: "flaky-hang", messages: [QUESTION] },
      { signal: leave.signal },
    );
    hanging.catch(() => "handled below");
    // An answer to a later request shows that the earlier one has had its chance.
    await ask("small", [QUESTION]);
    leave.abort();
    await assert.rejects(hanging, OpenAI.APIUserAbortError);
  });
});

describe("closing", () => {
  test("ends open connections and answers that are still on their way", async () => {
    const slow = await startSimulator({ speed: 0.001 });
    const { port } = new URL(slow.baseUrl);
    const idle = connect(Number(port), "127.0.0.1");
    await new Promise((resolve) => idle.once("connect", resolve));
    const idleEnded = new Promise((resolve) => idle.once("close", resolve));
    const waiting = assert.rejects(
      new OpenAI({ baseURL: slow.baseUrl, apiKey: "none", maxRetries: 0 }).chat.completions.create({
        model: "large",
        messages: [QUESTION],
      }),
    );
    await slow.close();
    await Promise.all([waiting, idleEnded]);
    await slow.close();
    await assert.rejects(fetch(`${slow.baseUrl}/models`));
  });

  test("what is remembered stays within its limit, the newest being kept", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.integer({ min: 1, max: 5 }), (keys, limit) => {
        const recent = new RecentKeys(limit);
        for (const key of keys) recent.add(key);
        assert.ok(recent.size <= limit);
        assert.ok(keys.slice(-1).every((key) => recent.has(key)));
      }),
    );
  });
});
