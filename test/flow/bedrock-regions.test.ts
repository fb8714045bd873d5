// Goal: one set of credentials serves every region; a conversation moves between regions of its model, and a request
// that must stay in a geography stays there. Method: a scripted Bedrock that sees for which region each request is
// signed and by which profile its model is named.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { always, fails, text, type Script } from "../support/dialects/step.ts";
import {
  inConversation,
  model,
  startGateway,
  type ConfigTree,
  type Json,
} from "../support/gateway.ts";
import { AWS, startBedrock } from "./bedrock-scene.ts";

const SONNET = "anthropic.claude-sonnet-4-6";
const CLAUDE = model("claude", { model: SONNET });
const BODY: Json = { messages: [{ role: "user", content: "Hello?" }] };

async function startScene(t: TestContext, about: ConfigTree = {}) {
  const down = new Set<string>();
  const script = (asked: string): Script =>
    always(down.has(asked) ? fails("overloaded") : text("Hello."));
  const bedrock = await startBedrock(t, script);
  const { url: baseUrl } = bedrock.upstream;
  const entry = {
    id: "bedrock",
    aws: AWS,
    baseUrl,
    region: ["eu", "us"],
    models: [CLAUDE],
    ...about,
  };
  const gateway = await startGateway(t, { providers: [entry] });
  const ask = async (name: string, headers: Readonly<Record<string, string>> = {}) => {
    const response = await gateway.chat({ ...BODY, model: name }, headers);
    const answer: Json = await response.json();
    const by = response.headers.get("x-router-model");
    return { status: response.status, by, error: answer.error, response };
  };
  return { ...bedrock, gateway, ask, down };
}

test("each region is a deployment of the same model, with the same credentials", async (t) => {
  const { gateway, ask, signed, models } = await startScene(t, {
    region: ["eu", "us", "eu-west-1"],
  });
  const view = gateway.config.deployments.map(({ id, model: name, upstreamModel, region }) => ({
    id,
    name,
    upstreamModel,
    region,
  }));
  const name = "claude-sonnet-4-6";
  assert.deepEqual(view, [
    { id: "bedrock:eu/claude", name, upstreamModel: `eu.${SONNET}`, region: "eu" },
    { id: "bedrock:us/claude", name, upstreamModel: `us.${SONNET}`, region: "us" },
    { id: "bedrock:eu-west-1/claude", name, upstreamModel: SONNET, region: "eu-west-1" },
  ]);
  for (const place of ["eu", "us", "eu-west-1"]) {
    const { status, by } = await ask(`bedrock:${place}/claude`);
    assert.deepEqual([status, by], [200, `bedrock:${place}/claude`]);
  }
  assert.deepEqual(models(), [`eu.${SONNET}`, `us.${SONNET}`, SONNET]);
  const regions = signed.map((checked) => checked?.region);
  assert.deepEqual(regions, ["eu-central-1", "us-east-1", "eu-west-1"]);
});

test("a conversation whose region fails goes on in another one, with the same model", async (t) => {
  const { ask, down, gateway } = await startScene(t);
  const headers = inConversation("c-1");
  const first = await ask("bedrock/claude", headers);
  assert.equal(first.status, 200);
  const home = first.by === "bedrock:eu/claude" ? "eu" : "us";
  const other = home === "eu" ? "us" : "eu";
  down.add(`${home}.${SONNET}`);
  const moved = await ask("bedrock/claude", headers);
  assert.deepEqual([moved.status, moved.by], [200, `bedrock:${other}/claude`]);
  assert.equal(moved.response.headers.get("x-router-pin"), "moved");
  const receipt = await gateway.read(`/v1/receipts/${moved.response.headers.get("x-request-id")}`);
  assert.deepEqual(
    receipt.fallback.attempts.map(({ deployment, outcome }: Json) => [deployment, outcome]),
    [
      [`bedrock:${home}/claude`, "failed"],
      [`bedrock:${other}/claude`, "completed"],
    ],
  );
});

test("a name without a region means all of them, a name with one means that one", async (t) => {
  const { ask, down } = await startScene(t);
  down.add(`eu.${SONNET}`);
  assert.equal((await ask("bedrock/claude")).by, "bedrock:us/claude");
  assert.equal((await ask("claude-sonnet-4-6")).by, "bedrock:us/claude");
  assert.equal((await ask("bedrock:eu/claude")).status, 503);
});

test("a request that must stay in a geography is served there or refused", async (t) => {
  const { ask, down, models } = await startScene(t);
  const inEurope = { "x-router-region": "EU" };
  for (let turn = 0; turn < 8; turn += 1) {
    const answer = await ask("auto", { ...inEurope, ...inConversation(`c-${turn}`, "CHAT") });
    assert.equal(answer.by, "bedrock:eu/claude");
  }
  down.add(`eu.${SONNET}`);
  assert.equal((await ask("bedrock/claude", inEurope)).status, 503);
  assert.ok(models().every((name) => name === `eu.${SONNET}`));
  const nowhere = await ask("bedrock/claude", { "x-router-region": "apac" });
  assert.deepEqual([nowhere.status, nowhere.error.code], [400, "no_capable_model"]);
  assert.match(nowhere.error.message, /is in region eu, not apac/);
  const exact = await ask("bedrock/claude", { "x-router-region": "eu-central-1" });
  assert.equal(exact.status, 400, "the group may serve elsewhere in it");
});

test("a pinned conversation is not led out of the geography of its request", async (t) => {
  const { ask } = await startScene(t);
  const headers = inConversation("c-1");
  const first = await ask("bedrock/claude", { ...headers, "x-router-region": "eu" });
  assert.equal(first.by, "bedrock:eu/claude");
  const second = await ask("bedrock/claude", { ...headers, "x-router-region": "us" });
  assert.equal(second.by, "bedrock:us/claude");
});

test("a region header that is none is refused by its name", async (t) => {
  const { ask } = await startScene(t);
  const { status, error } = await ask("bedrock/claude", { "x-router-region": "eu, us" });
  assert.deepEqual([status, error.code, error.param], [400, "invalid_header", "x-router-region"]);
});

test("what lies nowhere that is known serves no request with a region", async (t) => {
  const { ask } = await startScene(t, {
    vendor: undefined,
    id: "lab",
    aws: undefined,
    region: undefined,
    keys: ["k1"],
    dialect: "bedrock-converse",
  });
  const { status, error } = await ask("lab/claude", { "x-router-region": "eu" });
  assert.deepEqual([status, error.code], [400, "no_capable_model"]);
  assert.match(error.message, /does not say that it is in region eu/);
});

test("without a list, the catalog's models are served in each region that has them", async (t) => {
  const { gateway, ask, models } = await startScene(t, { models: undefined, region: ["eu", "jp"] });
  const ids = gateway.config.deployments.map(({ id }) => id);
  assert.ok(ids.includes("bedrock:eu/claude-sonnet-4-6"));
  assert.ok(ids.includes("bedrock:jp/claude-sonnet-4-6"));
  assert.ok(
    ids.includes("bedrock:eu/devstral-2-123b"),
    "no profile at all: any region may have it",
  );
  assert.ok(!ids.includes("bedrock:jp/claude-fable-5"), "it has profiles, and none for Japan");
  assert.equal(new Set(ids).size, ids.length);
  // By its own name it is the same deployment's model; a profile in the name is kept to.
  await ask(`bedrock:jp/${SONNET}`);
  await ask(`bedrock/jp.${SONNET}`);
  assert.deepEqual(models(), [`jp.${SONNET}`, `jp.${SONNET}`]);
  const outside = await ask(`bedrock/us.${SONNET}`);
  assert.deepEqual([outside.status, outside.error.code], [404, "model_not_found"]);
});

test("prices are those of the region", async (t) => {
  const { gateway } = await startScene(t, { models: undefined, region: ["global", "eu"] });
  const inputOf = (id: string) =>
    gateway.config.deployments.find((deployment) => deployment.id === id)?.price?.input ?? 0;
  const everywhere = inputOf("bedrock:global/claude-sonnet-5");
  assert.ok(everywhere > 0 && inputOf("bedrock:eu/claude-sonnet-5") > everywhere);
});
