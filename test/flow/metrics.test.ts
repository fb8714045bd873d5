// Goal: /metrics and the receipts tell the same story, and only those who may hear it are told. Method: turns of every
// kind through the front door; then the receipts are added up and compared with one scrape.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { hashApiKey, mintApiKey } from "../../src/admission/api-key.ts";
import { openStore } from "../../src/store/open-store.ts";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import {
  inConversation,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import { workFolder } from "../support/gateway-process.ts";
import { MODELS, startLadder, USAGE } from "../support/ladder-scene.ts";
import { startUpstream, textAnswer } from "../support/upstream.ts";

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

async function scrape(gateway: Pick<TestGateway, "url">): Promise<readonly Sample[]> {
  const response = await fetch(`${gateway.url}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  const lines = (await response.text()).split("\n");
  return lines.flatMap((line) => {
    const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, of]) => [key, of]);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

/** The sum over all series of a metric that have these labels. */
function sum(samples: readonly Sample[], name: string, labels: Sample["labels"] = {}): number {
  const wanted = Object.entries(labels);
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => wanted.every(([label, value]) => sample.labels[label] === value))
    .reduce((total, { value }) => total + value, 0);
}

const total = (receipts: readonly Json[], of: (receipt: Json) => number): number =>
  receipts.reduce((sofar: number, receipt) => sofar + of(receipt), 0);

function equal(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) < 1e-9, `${what}: ${actual} instead of ${expected}`);
}

async function act(gateway: TestGateway, id: string, action: string): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/conversations/${id}/actions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action }),
  });
  assert.equal(response.status, 200, await response.text());
}

/** A loop that is corrected and recovers; without a conversation a stream, a failure, and a model without a price. */
async function driveEverything(t: TestContext) {
  const free = { ...MODELS[2], id: "free", model: "free-1", price: null };
  const scene = await startLadder(t, { divergence: {}, models: [...MODELS, free] });
  const { gateway, upstream, turns, turn } = scene;
  const receipts: Json[] = [];
  const ask = async (body: Json): Promise<void> => {
    const response = await gateway.chat(body);
    await response.text();
    receipts.push(await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`));
  };
  for (let rounds = 0; rounds < 6; rounds += 1) receipts.push((await turn(rounds)).receipt);
  receipts.push((await turns(6, 6)).receipt);
  receipts.push((await turn(6, honestRounds(1, 50))).receipt);
  upstream.respond(textAnswer("Hello.", { ...USAGE, completionTokens: 7, cachedTokens: 100 }));
  const messages = opening("Hello.");
  await ask(agentBody(messages, { model: "lab/best", stream: true }));
  await ask(agentBody(messages, { model: "lab/free" }));
  upstream.respond(() => ({ status: 500, json: { error: { message: "no" } } }));
  await ask(agentBody(messages, { model: "lab/weak" }));
  return { ...scene, receipts };
}

test("what the receipts of turns of every kind add up to is what a scrape says", async (t) => {
  const { gateway, receipts } = await driveEverything(t);
  const samples = await scrape(gateway);
  equal(sum(samples, "fairlead_turns_total"), receipts.length, "turns");
  for (const outcome of ["completed", "failed"]) {
    const of = receipts.filter((receipt) => receipt.outcome === outcome).length;
    assert.ok(of > 0, outcome);
    equal(sum(samples, "fairlead_turns_total", { outcome }), of, outcome);
  }
  const attempts = total(receipts, ({ fallback }) => fallback.attempts.length);
  equal(sum(samples, "fairlead_attempts_total"), attempts, "attempts");
  equal(sum(samples, "fairlead_failovers_total"), attempts - receipts.length, "fail-overs");
  const kinds = { input: "prompt", output: "completion", cached: "cached", reasoning: "reasoning" };
  for (const [kind, field] of Object.entries(kinds)) {
    const used = total(receipts, ({ execution }) => execution.tokens[field]);
    equal(sum(samples, "fairlead_tokens_total", { kind }), used, kind);
  }
  for (const model of ["lab/held", "lab/best"]) {
    const of = receipts.filter(({ routing }) => routing.winner === model);
    const cost = total(of, (receipt) => receipt.cost.total_usd);
    assert.ok(cost > 0, model);
    equal(sum(samples, "fairlead_cost_usd_total", { model }), cost, `cost of ${model}`);
  }
  const unpriced = receipts.filter(({ cost }) => cost.total_usd === null).length;
  assert.equal(unpriced, 1);
  equal(sum(samples, "fairlead_unpriced_turns_total", { model: "lab/free" }), unpriced, "unpriced");
  const duration = "gen_ai_server_request_duration_seconds";
  equal(sum(samples, `${duration}_count`), receipts.length, "durations");
  const latency = total(receipts, ({ execution }) => execution.latency_ms / 1_000);
  equal(sum(samples, `${duration}_sum`), latency, "latency");
  const streams = "gen_ai_client_operation_time_to_first_chunk_seconds_count";
  equal(sum(samples, streams, { gen_ai_request_model: "best-1" }), 1, "streams");
  equal(sum(samples, "fairlead_overhead_seconds_count"), receipts.length, "overheads");
});

test("loops, corrections, pins and outcomes in a scrape are those of the receipts", async (t) => {
  const { gateway, receipts } = await driveEverything(t);
  const samples = await scrape(gateway);
  const pattern = "same-call-same-result";
  for (const severity of ["suspected", "firing"]) {
    const of = receipts.filter(({ verdict }) => verdict?.severity === severity).length;
    assert.ok(of > 0, severity);
    equal(sum(samples, "fairlead_verdicts_total", { pattern, severity }), of, severity);
  }
  for (const level of [1, 2]) {
    const labels = { pattern, level: String(level), refused: "no" };
    const of = receipts.filter(({ correction }) => correction?.level === level).length;
    assert.equal(of, 1);
    equal(sum(samples, "fairlead_corrections_total", labels), of, `level ${level}`);
  }
  for (const event of ["set", "kept"]) {
    const of = receipts.filter(({ pin }) => pin?.event === event).length;
    assert.ok(of > 0, event);
    equal(sum(samples, "fairlead_pin_events_total", { event, profile: "LADDER" }), of, event);
  }
  const told = receipts.flatMap(({ episodes }) => episodes);
  assert.equal(told.length, 1);
  const [episode] = told;
  const of = { pattern, outcome: "recovered", arm: "corrected" };
  equal(sum(samples, "fairlead_episodes_total", of), 1, "episodes");
  equal(sum(samples, "fairlead_episode_turns_sum", of), episode.turns, "turns");
  const tokens = sum(samples, "fairlead_episode_tokens_total", { ...of, kind: "input" });
  equal(tokens, episode.tokens.input, "tokens");
  equal(sum(samples, "fairlead_episode_cost_usd_total", of), episode.cost_usd, "cost");
  equal(sum(samples, "fairlead_correction_outcomes_total", { outcome: "recovered" }), 2, "both");
});

test("a loop that a person calls false is counted, though no receipt says so", async (t) => {
  const { gateway, turns, conversation } = await startLadder(t, { divergence: {} });
  await turns(0, 4);
  const title = { model: "auto", messages: [{ role: "user", content: "Name this chat." }] };
  await (await gateway.chat(title, inConversation("stuck", "LADDER"))).text();
  assert.equal((await conversation()).threads.length, 2);
  await act(gateway, "stuck", "correct");
  await act(gateway, "stuck", "false-positive");
  await act(gateway, "stuck", "false-positive");
  const samples = await scrape(gateway);
  equal(sum(samples, "fairlead_episodes_total"), 1, "all");
  equal(sum(samples, "fairlead_episodes_total", { outcome: "dismissed" }), 1, "dismissed");
  equal(sum(samples, "fairlead_correction_outcomes_total", { outcome: "dismissed" }), 1, "note");
});

test("a loop that two turns end at once is told of once", async (t) => {
  const { gateway, upstream, turns } = await startLadder(t, { divergence: {} });
  await turns(0, 5);
  const both = Promise.withResolvers<void>();
  const before = upstream.requests.length;
  upstream.respond(async (request) => {
    if (upstream.requests.length === before + 2) both.resolve();
    await both.promise;
    return textAnswer("I stop.")(request);
  });
  const end = async (more: readonly Json[]): Promise<Json> => {
    const messages = [...opening("Find the report."), ...stuckRounds(5), ...more];
    const response = await gateway.chat(agentBody(messages), inConversation("stuck", "LADDER"));
    await response.text();
    return gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
  };
  const receipts = await Promise.all([end([]), end(honestRounds(1, 50))]);
  assert.equal(receipts.flatMap(({ episodes }) => episodes).length, 1);
  const samples = await scrape(gateway);
  equal(sum(samples, "fairlead_episodes_total"), 1, "episodes");
  equal(sum(samples, "fairlead_correction_outcomes_total"), 1, "its correction");
});

test("a model that only a caller has named is counted as other", async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const gateway = await startGateway(t, {
    providers: [provider("lab", upstream, { models: undefined })],
    logicalModels: { main: [{ to: "lab/big" }] },
  });
  for (const name of ["main", "lab/made-up", "lab/another"]) {
    const response = await gateway.chat(agentBody(opening("x"), { model: name }));
    assert.equal(response.status, 200, await response.text());
  }
  const samples = await scrape(gateway);
  equal(sum(samples, "fairlead_turns_total", { model: "lab/big" }), 1, "configured");
  equal(sum(samples, "fairlead_turns_total", { model: "other" }), 2, "other");
  assert.ok(!JSON.stringify(samples).includes("made-up"));
});

test("keys that rest and turns that the store could not take are seen in the next scrape", async (t) => {
  const upstream = await startUpstream(() => ({ status: 401, json: { error: { message: "no" } } }));
  t.after(() => upstream.close());
  const store = await openStore({ url: "memory:", durability: "normal" });
  t.after(() => store.close());
  const commit = () => Promise.reject(new Error("the commit fails, as the test wants"));
  const tree = { providers: [provider("lab", upstream, { keys: ["one", "two"] })] };
  const gateway = await startGateway(t, tree, { store: { ...store, commit } });
  const before = await scrape(gateway);
  equal(sum(before, "fairlead_keys", { provider: "lab", state: "ok" }), 2, "rested");
  equal(sum(before, "fairlead_unsaved_turns_total"), 0, "saved");
  const response = await gateway.chat(agentBody(opening("x")));
  await response.text();
  const after = await scrape(gateway);
  equal(sum(after, "fairlead_keys", { provider: "lab", state: "quarantined" }), 2, "refused");
  equal(sum(after, "fairlead_keys", { provider: "lab", state: "ok" }), 0, "none is left");
  equal(sum(after, "fairlead_deployments", { provider: "lab", state: "resting" }), 1, "resting");
  equal(sum(after, "fairlead_unsaved_turns_total"), 1, "unsaved");
  equal(sum(after, "fairlead_turns_total", { outcome: "failed" }), 1, "counted all the same");
  equal(sum(after, "fairlead_waiting_turns"), 0, "nobody waits");
  assert.ok(sum(after, "process_resident_memory_bytes") > 0);
  assert.ok(after.some(({ name }) => name === "nodejs_eventloop_lag_p99_seconds"));
});

test("with keys /metrics wants an admin's, and without keys it answers to this machine only", async (t) => {
  const pepper = join(workFolder(t), "pepper");
  const secret = "0123456789abcdef0123456789abcdef";
  writeFileSync(pepper, secret);
  const mint = () => mintApiKey({ environment: "dev", random: randomBytes });
  const [user, admin] = [mint(), mint()];
  const hash = (key: string) => hashApiKey(key, secret);
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const providers = [provider("lab", upstream)];
  const locked = await startGateway(t, {
    providers,
    keyPepper: { file: pepper },
    keys: [
      { id: "user", tenant: "acme", role: "user", hash: hash(user) },
      { id: "admin", tenant: "acme", role: "admin", hash: hash(admin) },
    ],
  });
  const status = async (key: string | null): Promise<number> => {
    const headers = key === null ? {} : { authorization: `Bearer ${key}` };
    const response = await fetch(`${locked.url}/metrics`, { headers });
    await response.text();
    return response.status;
  };
  assert.equal(await status(null), 401);
  assert.equal(await status(mint()), 401);
  assert.equal(await status(user), 403);
  assert.equal(await status(admin), 200);
  const open = await startGateway(t, { providers });
  await scrape(open);
  const foreign = await new Promise<number | undefined>((resolve, reject) => {
    const asked = httpRequest(`${open.url}/metrics`, { headers: { host: "attacker.example" } });
    asked.on("response", (response) => resolve(response.resume().statusCode));
    asked.on("error", reject).end();
  });
  assert.equal(foreign, 403);
});

test("an agent's stuck conversation shows in a scrape while it goes on", async (t) => {
  const { gateway, turn } = await startLadder(t, { divergence: {} });
  for (let rounds = 0; rounds <= 4; rounds += 1) await turn(0, stuckRounds(rounds));
  const samples = await scrape(gateway);
  equal(sum(samples, "fairlead_corrections_total"), 1, "sent");
  equal(sum(samples, "fairlead_episodes_total"), 0, "its outcome is not known yet");
});
