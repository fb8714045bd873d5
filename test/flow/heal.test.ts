// Goal: a pin heals: another key, the same model elsewhere, then what the profile allows, and never less. Method: two
// providers of one model and one of others, each of which fails as the test says; receipts tell every hop.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { agentBody, honestRounds, opening } from "../support/agent-turns.ts";
import { inConversation, model, provider, startGateway, type Json } from "../support/gateway.ts";
import { workFolder } from "../support/gateway-process.ts";
import { startUpstream, textAnswer, type Scripted, type Upstream } from "../support/upstream.ts";

const DOWN: Scripted = { status: 503, json: { error: { message: "down" } } };
const LIMITED: Scripted = {
  status: 429,
  headers: { "retry-after": "7" },
  json: { error: { message: "slow down" } },
};
const QUALITY = (value: number) => ({ quality: { chat: value, agent: value, coding: value } });

async function startProvider(t: TestContext): Promise<Upstream> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  return upstream;
}

/** `home-1` at two providers, and at a third a better, a weaker and a much weaker model. */
async function startScene(t: TestContext) {
  const [east, west, south] = await Promise.all([
    startProvider(t),
    startProvider(t),
    startProvider(t),
  ]);
  const folder = workFolder(t);
  mkdirSync(join(folder, "own"));
  const own =
    "pin: { mode: lock, substitute: at-or-above }\nfloor: strong\nqualityKind: agent\nrankBy: [cost]\n";
  writeFileSync(join(folder, "own", "flexible.yaml"), own);
  const home = { model: "home-1", ...QUALITY(0.8), price: { input: 1, output: 1 } };
  const others = [
    model("better", { model: "better-1", ...QUALITY(0.9), price: { input: 9, output: 9 } }),
    model("weaker", { model: "weaker-1", ...QUALITY(0.7), price: { input: 2, output: 2 } }),
    model("weakest", { model: "weakest-1", ...QUALITY(0.3), price: { input: 0, output: 0 } }),
  ];
  const gateway = await startGateway(t, {
    profiles: join(folder, "own"),
    logicalModels: { mine: [{ to: "east/home" }, { to: "west/home" }] },
    providers: [
      provider("east", east, { keys: ["key-1", "key-2"], models: [model("home", home)] }),
      provider("west", west, {
        models: [model("home", { ...home, price: { input: 1, output: 2 } })],
      }),
      provider("south", south, { models: others }),
    ],
  });
  let rounds = 0;
  const turn = async (about: Json = {}, headers = inConversation("heal", "FLEXIBLE")) => {
    const messages = [...opening("Heal."), ...honestRounds(rounds)];
    const response = await gateway.chat(agentBody(messages, about), headers);
    const text = await response.text();
    if (response.status === 200) rounds += 1;
    const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
    return { response, text, receipt, model: response.headers.get("x-router-model") };
  };
  return { gateway, east, west, south, turn };
}

const modelOf = (body: Json): string => body.model;
const tried = ({ fallback }: Json): string[] =>
  fallback.attempts.map(({ deployment, key, outcome }: Json) => `${deployment} ${key} ${outcome}`);

test("a limited key is replaced by another key of the same deployment, and the pin is kept", async (t) => {
  const { east, turn } = await startScene(t);
  const agent = inConversation("heal");
  await turn({ model: "home-1" }, agent);
  const used = east.requests[0]?.headers.authorization;
  east.respond((request) =>
    request.headers.authorization === used ? LIMITED : textAnswer("Done.")(request),
  );
  const { response, receipt } = await turn({ model: "home-1" }, agent);
  assert.equal(response.headers.get("x-router-model"), "east/home");
  assert.equal(response.headers.get("x-router-pin"), "kept");
  assert.equal(receipt.fallback.used, true);
  assert.equal(tried(receipt).length, 2);
  assert.equal(new Set(receipt.fallback.attempts.map(({ key }: Json) => key)).size, 2);
  assert.doesNotMatch(JSON.stringify(receipt), /key-[12]/, "a receipt never holds a key");
  assert.equal(
    tried((await turn({ model: "home-1" }, agent)).receipt).length,
    1,
    "the limited key rests",
  );
});

test("the same model at another provider takes over, with a hop in the receipt", async (t) => {
  const { east, west, gateway, turn } = await startScene(t);
  const agent = inConversation("heal");
  await turn({ model: "mine" }, agent);
  east.respond(() => DOWN);
  const { response, receipt } = await turn({ model: "mine", stream: true }, agent);
  assert.equal(response.headers.get("x-router-pin"), "moved");
  assert.deepEqual(receipt.pin, { event: "moved", from: "east/home", to: "west/home", note: null });
  assert.equal(receipt.routing.reason, "pinned model, served elsewhere");
  assert.equal(tried(receipt).at(-1), "west/home key 1 completed");
  const [pin] = (await gateway.read("/v1/conversations/heal")).pins;
  assert.deepEqual([pin.state, pin.model, pin.away], ["away", "home-1", "west/home"]);
  const later = await turn({ model: "mine" }, agent);
  assert.equal(later.response.headers.get("x-router-pin"), "kept");
  east.respond(textAnswer("Here again."));
  west.respond(() => DOWN);
  const back = await turn({ model: "mine" }, agent);
  assert.equal(back.response.headers.get("x-router-pin"), "returned");
  assert.equal(back.model, "east/home");
});

test("when the model is nowhere, AGENT says when to come back and asks no other model", async (t) => {
  const { east, west, south, turn } = await startScene(t);
  const agent = inConversation("heal");
  // `auto` would take the better one; only its outage makes this conversation begin elsewhere.
  south.respond(() => DOWN);
  assert.equal((await turn({}, agent)).receipt.execution.model, "home-1");
  south.respond(textAnswer("Take me."));
  const before = south.requests.length;
  east.respond(() => LIMITED);
  west.respond(() => ({ refuse: true }));
  for (const stream of [false, true]) {
    const { response, text, receipt } = await turn({ stream }, agent);
    assert.equal(response.status, 503);
    const { error } = JSON.parse(text);
    assert.equal(error.code, "pinned_model_unavailable");
    assert.match(error.message, /home-1/);
    assert.match(response.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    assert.equal(response.headers.get("x-should-retry"), null);
    assert.equal(receipt.outcome, "failed");
    assert.equal(receipt.routing.winner, null);
    const never = receipt.routing.exclusions.filter(({ deployment }: Json) =>
      deployment.startsWith("south/"),
    );
    assert.equal(never.length, 3);
  }
  assert.equal(south.requests.length, before);
});

test("at-or-above goes to a better model, stored before it is asked, and never to a weaker one", async (t) => {
  const { east, west, south, gateway, turn } = await startScene(t);
  assert.equal((await turn()).receipt.execution.model, "home-1");
  east.respond(() => DOWN);
  west.respond(() => DOWN);
  const seen: string[] = [];
  south.respond(async (request) => {
    const [pin] = (await gateway.read("/v1/conversations/heal")).pins;
    seen.push(`${pin.state} ${pin.model}`);
    return textAnswer("Instead.")(request);
  });
  const { response, receipt } = await turn();
  assert.equal(receipt.execution.model, "better-1");
  assert.equal(response.headers.get("x-router-pin"), "substituted");
  assert.deepEqual(
    seen,
    ["substituted better-1"],
    "the change was stored before its bytes went out",
  );
  const reasons = new Map(
    receipt.routing.exclusions.map((known: Json) => [known.deployment, known.reason]),
  );
  assert.match(String(reasons.get("south/weaker")), /below the pinned model's 0\.80/);
  assert.match(String(reasons.get("south/weakest")), /below FLEXIBLE's floor/);
  east.respond(textAnswer("Here again."));
  assert.equal((await turn()).receipt.execution.model, "better-1", "it stays while it answers");
  south.respond(() => DOWN);
  east.respond(async (request) => {
    const [pin] = (await gateway.read("/v1/conversations/heal")).pins;
    seen.push(`${pin.state} ${pin.model}`);
    return textAnswer("Here again.")(request);
  });
  const back = await turn();
  assert.equal(seen.at(-1), "home home-1", "so is the way back");
  assert.equal(back.receipt.execution.model, "home-1");
  assert.equal(back.response.headers.get("x-router-pin"), "returned");
  east.respond(() => DOWN);
  const nothing = await turn();
  assert.equal(nothing.response.status, 503);
  assert.ok(south.requests.every(({ body }) => modelOf(body) === "better-1"));
});

test("CHAT moves on to another model, and stays there", async (t) => {
  const { south, turn } = await startScene(t);
  const chat = inConversation("heal", "CHAT");
  assert.equal((await turn({}, chat)).receipt.execution.model, "weakest-1");
  south.respond(() => DOWN);
  const moved = await turn({}, chat);
  assert.equal(moved.receipt.execution.model, "home-1");
  assert.match(tried(moved.receipt)[0] ?? "", /^south\/weakest key 1 failed$/);
  south.respond(textAnswer("Here again."));
  const later = await turn({}, chat);
  assert.equal(later.receipt.execution.model, "home-1");
  assert.equal(later.response.headers.get("x-router-pin"), "kept");
});

test("a deployment that the caller names heals only with its own keys", async (t) => {
  const { east, west, turn } = await startScene(t);
  const agent = inConversation("heal");
  await turn({ model: "east/home" }, agent);
  east.respond(() => DOWN);
  const { response, receipt } = await turn({ model: "east/home" }, agent);
  assert.equal(response.status, 503);
  assert.ok(receipt.fallback.attempts.every(({ deployment }: Json) => deployment === "east/home"));
  assert.equal(west.requests.length, 0);
});

test("a request that the provider calls wrong is no reason to try elsewhere", async (t) => {
  const { east, west, turn } = await startScene(t);
  const agent = inConversation("heal");
  await turn({ model: "mine" }, agent);
  const refusal = { error: { message: "temperature is too high", type: "invalid_request_error" } };
  east.respond(() => ({ status: 400, json: refusal }));
  const { response, text } = await turn({ model: "mine" }, agent);
  assert.equal(response.status, 400);
  assert.match(text, /temperature is too high/);
  assert.equal(west.requests.length, 0);
});

test("CHAT takes a turn that its model cannot do to one that can", async (t) => {
  const upstream = await startProvider(t);
  const blind = model("blind", {
    model: "blind-1",
    price: { input: 0, output: 0 },
    capabilities: [],
  });
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { models: [blind, model("able", { model: "able-1" })] })],
  });
  const chat = inConversation("able", "CHAT");
  const plain = { model: "auto", messages: opening("Look.") };
  assert.equal((await gateway.chat(plain, chat)).headers.get("x-router-model"), "lab/blind");
  const { headers } = await gateway.chat(agentBody(opening("Look.")), chat);
  assert.equal(headers.get("x-router-model"), "lab/able");
});

test("a turn that the pinned model cannot do is refused at once, and goes to no other model", async (t) => {
  const upstream = await startProvider(t);
  const blind = model("blind", { model: "blind-1", ...QUALITY(0.95), capabilities: ["tools"] });
  const gateway = await startGateway(t, {
    providers: [
      provider("lab", upstream, { models: [blind, model("seeing", { model: "seeing-1" })] }),
    ],
  });
  await gateway.chat(agentBody(opening("Look.")), inConversation("blind"));
  const image = { type: "image_url", image_url: { url: "https://example.com/cat.png" } };
  const messages = [...opening("Look."), ...honestRounds(1), { role: "user", content: [image] }];
  const response = await gateway.chat(agentBody(messages), inConversation("blind"));
  const answer: Json = await response.json();
  assert.equal(answer.error.code, "no_capable_model");
  assert.match(answer.error.message, /pinned to blind-1/);
  assert.match(answer.error.message, /has no vision/);
  assert.equal(response.headers.get("x-should-retry"), "false");
  assert.equal(upstream.requests.length, 1);
});
