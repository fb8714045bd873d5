// Goal: each profile routes as its description says, and says in the receipt why. Method: providers that
// write down what they are asked, under profiles by name, by default, by key and from an operator's own file.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { agentBody, opening } from "../support/agent-turns.ts";
import {
  inConversation,
  model,
  provider,
  startGateway,
  type ConfigTree,
  type Json,
} from "../support/gateway.ts";
import { workFolder, type FrontDoor } from "../support/gateway-process.ts";
import { startUpstream, textAnswer, type Upstream } from "../support/upstream.ts";

const HELLO = { model: "auto", messages: [{ role: "user", content: "Hello?" }] };
const QUALITY = (value: number) => ({ quality: { chat: value, agent: value, coding: value } });
const PRICE = (input: number) => ({ price: { input, output: input * 4 } });

async function startProvider(t: TestContext): Promise<Upstream> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  return upstream;
}

/** The best, the middling and the cheapest model, and one that nobody has rated. */
function ladder(upstream: Upstream): ConfigTree {
  const models = [
    model("cheap", { model: "cheap-1", ...QUALITY(0.4), ...PRICE(0.1), capabilities: ["tools"] }),
    model("best", { model: "best-1", ...QUALITY(0.95), ...PRICE(10) }),
    model("middling", { model: "middling-1", ...QUALITY(0.7), ...PRICE(1) }),
    model("unrated", { model: "unrated-1", quality: {}, ...PRICE(0.5) }),
  ];
  return { providers: [provider("lab", upstream, { models })] };
}

async function routed(
  gateway: FrontDoor,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  const response = await gateway.chat(body, headers);
  const answer: Json = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
  return { model: response.headers.get("x-router-model"), receipt, response };
}

async function refused(
  gateway: FrontDoor,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; error: Json; headers: Headers }> {
  const response = await gateway.chat(body, headers);
  const answer: Json = await response.json();
  assert.notEqual(response.status, 200, JSON.stringify(answer));
  return { status: response.status, error: answer.error, headers: response.headers };
}

const under = (profile: string) => ({ "x-router-profile": profile });

test("AGENT takes the best, SAVINGS and a first CHAT turn the cheapest", async (t) => {
  const gateway = await startGateway(t, ladder(await startProvider(t)));
  assert.equal((await routed(gateway, HELLO, inConversation("best"))).model, "lab/best");
  assert.equal((await routed(gateway, HELLO, under("SAVINGS"))).model, "lab/cheap");
  assert.equal((await routed(gateway, HELLO, under("CHAT"))).model, "lab/cheap");
  assert.equal((await routed(gateway, HELLO)).model, "lab/cheap");
  const { receipt } = await routed(gateway, HELLO, under("savings"));
  assert.equal(receipt.profile, "SAVINGS");
  assert.match(receipt.routing.reason, /cost/);
  assert.equal(receipt.routing.candidates_evaluated, 4);
});

test("CHAT goes where the first word comes fastest, once it knows", async (t) => {
  const [slow, fast] = await Promise.all([startProvider(t), startProvider(t)]);
  slow.respond(async (request) => {
    await pause(400);
    return textAnswer("Slow.")(request);
  });
  const gateway = await startGateway(t, {
    providers: [
      provider("slow", slow, { models: [model("one", { model: "one-1", ...PRICE(1) })] }),
      provider("fast", fast, { models: [model("two", { model: "two-1", ...PRICE(2) })] }),
    ],
  });
  const models = [];
  for (let turn = 0; turn < 4; turn += 1)
    models.push((await routed(gateway, HELLO, under("CHAT"))).model);
  assert.deepEqual(models, ["slow/one", "fast/two", "fast/two", "fast/two"]);
});

test("SAVINGS takes the cheapest that can do what is asked, and says why the cheaper ones cannot", async (t) => {
  const upstream = await startProvider(t);
  const small = model("tiny", {
    model: "tiny-1",
    ...PRICE(0.01),
    contextTokens: 1_000,
    capabilities: [],
  });
  const tree: Json = ladder(upstream);
  tree.providers[0].models.push(small);
  const gateway = await startGateway(t, tree);
  const reasons = (receipt: Json) =>
    Object.fromEntries(
      receipt.routing.exclusions.map((known: Json) => [known.deployment, known.reason]),
    );
  const ask = (body: Json) => routed(gateway, body, under("SAVINGS"));
  assert.equal((await ask(HELLO)).model, "lab/tiny");

  const withTools = await ask(agentBody(opening("Search.")));
  assert.equal(withTools.model, "lab/cheap");
  assert.deepEqual(reasons(withTools.receipt), { "lab/tiny": "has no tools" });

  const image = { type: "image_url", image_url: { url: "https://example.com/cat.png" } };
  const withImage = await ask({ model: "auto", messages: [{ role: "user", content: [image] }] });
  assert.equal(withImage.model, "lab/unrated");
  assert.deepEqual(reasons(withImage.receipt), {
    "lab/tiny": "has no vision",
    "lab/cheap": "has no vision",
  });

  const schema = { type: "json_schema", json_schema: { name: "a", schema: { type: "object" } } };
  const withSchema = await ask({ ...HELLO, response_format: schema });
  assert.equal(withSchema.model, "lab/unrated");
  assert.deepEqual(reasons(withSchema.receipt), {
    "lab/tiny": "has no json",
    "lab/cheap": "has no json",
  });

  const long = await ask({
    model: "auto",
    messages: [{ role: "user", content: "word ".repeat(8_000) }],
  });
  assert.equal(long.model, "lab/cheap");
  assert.match(reasons(long.receipt)["lab/tiny"], /context of 1000 tokens is too small/);
});

test("BATCH spreads over providers and keys", async (t) => {
  const [east, west] = await Promise.all([startProvider(t), startProvider(t)]);
  const keys = ["key-1", "key-2", "key-3"];
  let draw = 0;
  const random = () => (draw += 0.37) % 1;
  const gateway = await startGateway(
    t,
    { providers: [provider("east", east, { keys }), provider("west", west, { keys })] },
    { random },
  );
  for (let turn = 0; turn < 40; turn += 1)
    await routed(gateway, HELLO, inConversation("batch", "BATCH"));
  for (const { requests } of [east, west]) {
    const used = new Set(requests.map(({ headers }) => headers.authorization));
    assert.equal(used.size, keys.length);
  }
  const { pins } = await gateway.read("/v1/conversations/batch");
  assert.deepEqual(pins, []);
});

test("a conversation stays with one key of its provider while that key works", async (t) => {
  const upstream = await startProvider(t);
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { keys: ["key-1", "key-2", "key-3"] })],
  });
  for (let turn = 0; turn < 6; turn += 1) await routed(gateway, HELLO, inConversation("warm"));
  assert.equal(new Set(upstream.requests.map(({ headers }) => headers.authorization)).size, 1);
});

test("under AGENT the router never goes below strong, but what a caller names is served", async (t) => {
  const upstream = await startProvider(t);
  const tree = {
    ...ladder(upstream),
    logicalModels: {
      mixed: [
        { to: "lab/cheap", weight: 99 },
        { to: "lab/middling", weight: 1 },
      ],
    },
  };
  const gateway = await startGateway(t, tree);
  const auto = await routed(gateway, HELLO, inConversation("floor-auto"));
  const reasons = auto.receipt.routing.exclusions.map(
    (known: Json) => `${known.deployment}: ${known.reason}`,
  );
  assert.equal(reasons.length, 2);
  assert.match(reasons[0], /^lab\/cheap: rated 0\.40, below AGENT's floor of 0\.60$/);
  assert.match(reasons[1], /^lab\/unrated: unrated/);
  for (let turn = 0; turn < 8; turn += 1) {
    const logical = await routed(
      gateway,
      { ...HELLO, model: "mixed" },
      inConversation(`floor-${turn}`),
    );
    assert.equal(logical.model, "lab/middling");
  }
  const named = await routed(
    gateway,
    { ...HELLO, model: "lab/cheap" },
    inConversation("floor-named"),
  );
  assert.equal(named.model, "lab/cheap");
  assert.equal(
    (await routed(gateway, { ...HELLO, model: "unrated-1" }, inConversation("floor-u"))).model,
    "lab/unrated",
  );
});

test("where no model meets the floor, the error says what to write, and another profile then serves", async (t) => {
  const upstream = await startProvider(t);
  const weak = [model("weak", { model: "weak-1", ...QUALITY(0.5) }), model("new", { quality: {} })];
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { models: weak })],
  });
  const { status, error, headers } = await refused(gateway, HELLO, inConversation("unmet"));
  assert.equal(status, 400);
  assert.equal(error.code, "floor_unmet");
  assert.match(error.message, /AGENT/);
  assert.match(error.message, /ratings: \{ "weak-1": \{ agent: 0\.6 \} \}/);
  assert.match(error.message, /lab\/weak: rated 0\.50/);
  assert.equal(headers.get("x-should-retry"), "false");
  assert.equal(upstream.requests.length, 0);
  const receipt = await gateway.read(`/v1/receipts/${headers.get("x-request-id")}`);
  assert.equal(receipt.error.code, "floor_unmet");
  assert.equal(receipt.routing.exclusions.length, 2);
  const chosen = await routed(gateway, HELLO, inConversation("unmet", "CHAT"));
  assert.equal(chosen.receipt.profile, "CHAT");
});

test("an operator's own file is a profile, by its upper-case or lower-case name", async (t) => {
  const folder = workFolder(t);
  mkdirSync(join(folder, "own"));
  const own =
    "description: For reports.\nfloor: 0.9\npin: { mode: lock }\nrankBy: [cost]\nbudgetUsd: 0.5\n";
  writeFileSync(join(folder, "own", "reports.yaml"), own);
  const tree = { ...ladder(await startProvider(t)), profiles: join(folder, "own") };
  const gateway = await startGateway(t, tree);
  const { model: served, receipt } = await routed(gateway, HELLO, inConversation("own", "reports"));
  assert.equal(served, "lab/best");
  assert.equal(receipt.profile, "REPORTS");
  const conversation = await gateway.read("/v1/conversations/own");
  assert.equal(conversation.profile, "REPORTS");
  assert.equal(conversation.budget.limit_usd, 0.5);
  const unknown = await refused(gateway, HELLO, under("NONESUCH"));
  assert.equal(unknown.status, 400);
  assert.equal(unknown.error.code, "unknown_profile");
  for (const name of ["AGENT", "CHAT", "BATCH", "SAVINGS", "REPORTS"])
    assert.ok(unknown.error.message.includes(name));
  assert.equal((await refused(gateway, HELLO, under("A, B"))).error.code, "unknown_profile");
});

test("one header pins: an id without a profile gets AGENT, and turns that send none keep what is stored", async (t) => {
  const gateway = await startGateway(t, ladder(await startProvider(t)));
  const byDefault = await routed(gateway, HELLO, { "x-conversation-id": "default" });
  assert.equal(byDefault.receipt.profile, "AGENT");
  assert.equal(byDefault.response.headers.get("x-router-profile"), "AGENT");
  assert.equal(byDefault.response.headers.get("x-router-pin"), "set");
  await routed(gateway, HELLO, inConversation("stored", "SAVINGS"));
  const later = await routed(gateway, HELLO, { "x-conversation-id": "stored" });
  assert.equal(later.receipt.profile, "SAVINGS");
});

test("when the caller changes the profile, the stricter one holds until the pin is released", async (t) => {
  const gateway = await startGateway(t, ladder(await startProvider(t)));
  await routed(gateway, HELLO, inConversation("strict"));
  const loosened = await routed(gateway, HELLO, inConversation("strict", "SAVINGS"));
  assert.equal(loosened.receipt.profile, "AGENT");
  assert.equal(loosened.model, "lab/best");
  await routed(gateway, HELLO, inConversation("tight", "CHAT"));
  const tightened = await routed(gateway, HELLO, inConversation("tight", "AGENT"));
  assert.equal(tightened.receipt.profile, "AGENT");
  const kept = await routed(gateway, HELLO, inConversation("tight", "CHAT"));
  assert.equal(kept.receipt.profile, "AGENT");
  const release = await fetch(`${gateway.url}/v1/conversations/strict/actions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"action":"release-pin"}',
  });
  assert.equal(release.status, 200);
  const released = await routed(gateway, HELLO, inConversation("strict", "SAVINGS"));
  assert.equal(released.receipt.profile, "SAVINGS");
  assert.equal(released.model, "lab/cheap");
});
