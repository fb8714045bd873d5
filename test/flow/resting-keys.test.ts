// Goal: a key that rests is left alone while anything else can answer, and a patient turn is no storm.
// Method: providers whose keys are all limited, in front of one that answers; the calls are counted.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { joinAttempts } from "../../src/flow/send.ts";
import { workFolder } from "../support/gateway-process.ts";
import { model, provider, startGateway, type Json } from "../support/gateway.ts";
import { startUpstream, textAnswer, type Upstream } from "../support/upstream.ts";

const ASKING = { model: "big-1", messages: [{ role: "user", content: "Hello?" }] };
const CHEAPEST = { "x-router-profile": "SAVINGS" };
const KEYS = ["k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8"];

const limited = (retryAfter: string) => () => ({
  status: 429,
  headers: { "retry-after": retryAfter },
  json: { error: { message: "slow down" } },
});

async function startLimited(t: TestContext, retryAfter = "60"): Promise<Upstream> {
  const upstream = await startUpstream(limited(retryAfter));
  t.after(() => upstream.close());
  return upstream;
}

async function startHealthy(t: TestContext): Promise<Upstream> {
  const upstream = await startUpstream(textAnswer("here"));
  t.after(() => upstream.close());
  return upstream;
}

/** The lower the price, the sooner it is asked. */
const priced = (id: string, upstream: Upstream, price: number, keys = KEYS) => {
  const big = model("big", { model: "big-1", price: { input: price, output: price } });
  return provider(id, upstream, { keys, models: [big] });
};

test("eight limited keys of one provider do not keep a turn from another one (#2)", async (t) => {
  const [lab, bay] = [await startLimited(t), await startHealthy(t)];
  const gateway = await startGateway(t, {
    providers: [priced("lab", lab, 1), priced("bay", bay, 5, ["k"])],
  });
  for (let turn = 0; turn < 4; turn += 1) {
    assert.equal((await gateway.chat(ASKING, CHEAPEST)).status, 200);
  }
  assert.ok(lab.requests.length > 0, "the cheaper one was asked first");
  assert.ok(lab.requests.length <= KEYS.length, `${lab.requests.length} calls: each key once`);
  assert.equal(bay.requests.length, 4);
});

test("two providers with many limited keys leave a try to the third (#2)", async (t) => {
  const [lab, bay, cove] = [await startLimited(t), await startLimited(t), await startHealthy(t)];
  const gateway = await startGateway(t, {
    providers: [priced("lab", lab, 1), priced("bay", bay, 2), priced("cove", cove, 5, ["k"])],
  });
  assert.equal((await gateway.chat(ASKING, CHEAPEST)).status, 200);
  assert.ok(lab.requests.length > 0 && bay.requests.length > 0);
});

test("a logical name passes over a target whose keys rest (#2)", async (t) => {
  const [lab, bay] = [await startLimited(t), await startHealthy(t)];
  const gateway = await startGateway(t, {
    logicalModels: {
      mine: [
        { to: "lab/first", weight: 1_000_000 },
        { to: "bay/second", weight: 1 },
      ],
    },
    providers: [
      provider("lab", lab, { models: [model("first")] }),
      provider("bay", bay, { models: [model("second")] }),
    ],
  });
  for (let turn = 0; turn < 3; turn += 1) {
    assert.equal((await gateway.chat({ ...ASKING, model: "mine" })).status, 200);
  }
  assert.equal(lab.requests.length, 1);
});

test("a resting key is the way out when all else fails, once in a turn (#2)", async (t) => {
  const [lab, bay] = [await startLimited(t), await startHealthy(t)];
  const gateway = await startGateway(t, {
    providers: [priced("lab", lab, 1), priced("bay", bay, 5, ["k"])],
  });
  for (let turn = 0; turn < 3; turn += 1) await gateway.chat(ASKING, CHEAPEST);
  assert.equal(lab.requests.length, KEYS.length);
  bay.respond(() => ({ refuse: true }));
  assert.equal((await gateway.chat(ASKING, CHEAPEST)).status, 502);
  assert.equal(lab.requests.length, KEYS.length + 1);
  lab.respond(textAnswer("here"));
  assert.equal((await gateway.chat(ASKING, CHEAPEST)).status, 200);
});

test("where every key rests one is asked, and its answer ends the rest (#2)", async (t) => {
  const lab = await startLimited(t);
  const gateway = await startGateway(t, { providers: [priced("lab", lab, 1)] });
  assert.equal((await gateway.chat(ASKING)).status, 429);
  assert.equal(lab.requests.length, KEYS.length);
  const response = await gateway.chat(ASKING);
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "60");
  assert.equal(lab.requests.length, KEYS.length + 1);
  lab.respond(textAnswer("here"));
  const used = async () => {
    assert.equal((await gateway.chat(ASKING)).status, 200);
    return lab.requests.at(-1)?.headers.authorization;
  };
  assert.equal(await used(), await used());
});

for (const told of ["0", "Thu, 01 Jan 2015 00:00:00 GMT"]) {
  test(`a patient turn is no storm when it is told to come back at ${told} (#2)`, async (t) => {
    const lab = await startLimited(t, told);
    const folder = join(workFolder(t), "own");
    mkdirSync(folder);
    writeFileSync(
      join(folder, "patient.yaml"),
      "underLoad: { strategy: wait, waitMsMax: 2500, queueMax: 8 }\n",
    );
    const gateway = await startGateway(t, {
      profiles: folder,
      providers: [priced("lab", lab, 1, ["k"])],
    });
    const response = await gateway.chat(ASKING, { "x-router-profile": "PATIENT" });
    assert.equal(response.status, 429);
    assert.equal(response.headers.get("retry-after"), "1");
    assert.ok(lab.requests.length > 1, "it was patient");
    assert.ok(lab.requests.length <= 3, `${lab.requests.length} calls in 2.5 s`);
    const receipt: Json = await gateway.read(
      `/v1/receipts/${response.headers.get("x-request-id")}`,
    );
    assert.equal(receipt.fallback.attempts.length, lab.requests.length);
    assert.deepEqual(receipt.warnings, []);
  });
}

test("of very many tries the first and the last are kept, and the others counted (#2)", () => {
  let kept: readonly number[] = [];
  let leftOut = 0;
  for (let walk = 0; walk < 20; walk += 1) {
    const next = Array.from({ length: 8 }, (_, index) => walk * 8 + index);
    const { attempts, dropped } = joinAttempts(kept, next);
    [kept, leftOut] = [attempts, leftOut + dropped];
  }
  assert.deepEqual([kept.length, leftOut], [32, 128]);
  assert.deepEqual(kept.slice(0, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual([kept[8], kept.at(-1)], [136, 159]);
});
