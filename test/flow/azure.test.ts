// Goal: an Azure resource is one provider, whose deployments carry names of their operator's. Method: a scripted
// provider of OpenAI's dialects behind the front door, and the configuration as it is read.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loadConfig } from "../../src/config.ts";
import { startDialectUpstream } from "../support/dialects/scripted-upstream.ts";
import { startGateway, type Json } from "../support/gateway.ts";

const MODELS = [{ id: "gpt-5.5", model: "prod-east" }];

function load(t: TestContext, about: Json) {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "fairlead.yaml");
  writeFileSync(file, JSON.stringify({ store: "memory:", providers: [about] }));
  return loadConfig({ file, environment: {}, workingDirectory: folder });
}

test("a resource's name is its address", (t) => {
  const result = load(t, { id: "azure", azure: { resource: "my-resource" }, keys: ["k"] });
  assert.ok(result.ok, JSON.stringify(result));
  const [provider] = result.config.providers;
  assert.equal(provider?.baseUrl, "https://my-resource.openai.azure.com/openai/v1");
  assert.equal(provider?.keyHeader, "api-key");
  assert.ok(!result.config.deployments.some(({ localId }) => localId.startsWith("claude-")));
});

test("what is missing or written twice is told", (t) => {
  const faultOf = (about: Json): string => {
    const result = load(t, { id: "azure-openai", keys: ["k"], ...about });
    return result.ok ? "none" : `${result.faults[0]?.path}: ${result.faults[0]?.message}`;
  };
  assert.match(faultOf({}), /baseUrl: is missing/);
  const baseUrl = "https://my-resource.openai.azure.com/openai/v1";
  assert.match(faultOf({ azure: { resource: "r" }, baseUrl }), /azure: stands beside `baseUrl`/);
  assert.match(faultOf({ azure: { resource: "r/../x" } }), /azure\.resource: expected the name/);
  assert.match(faultOf({ azure: { resource: "r" }, keys: [] }), /keys: are missing/);
});

test("a deployment of one's own name is the model its id tells, and is asked by its name", async (t) => {
  const upstream = await startDialectUpstream("openai-chat");
  t.after(() => upstream.close());
  const baseUrl = `${upstream.url}/openai/v1`;
  const entry = { id: "azure", baseUrl, keys: ["azure-key-1"], models: MODELS };
  const gateway = await startGateway(t, { providers: [entry] });
  const messages = [{ role: "user", content: "Hello?" }];
  for (const stream of [false, true]) {
    const answer = await gateway.chat({ model: "gpt-5.5", messages, stream });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("x-router-model"), "azure/gpt-5.5");
    await answer.text();
  }
  const [sent] = upstream.requests;
  assert.equal(sent?.path, "/openai/v1/chat/completions");
  assert.equal(sent?.headers["api-key"], "azure-key-1");
  assert.equal(sent?.headers.authorization, undefined);
  const named: Json = sent?.body;
  assert.equal(named.model, "prod-east");
  const [deployment] = gateway.config.deployments;
  assert.equal(deployment?.model, "gpt-5.5", "the same model as OpenAI's");
  assert.ok(deployment?.price !== null && Object.keys(deployment?.quality ?? {}).length > 0);
});

test("its Responses API is relayed at the same address", async (t) => {
  const upstream = await startDialectUpstream("openai-responses");
  t.after(() => upstream.close());
  const baseUrl = `${upstream.url}/openai/v1`;
  const entry = { id: "azure-openai", baseUrl, keys: ["azure-key-1"], models: MODELS };
  const gateway = await startGateway(t, { providers: [entry] });
  const answer = await fetch(`${gateway.url}/v1/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "azure-openai/gpt-5.5", input: "Hello?" }),
  });
  assert.equal(answer.status, 200, await answer.text());
  assert.equal(upstream.requests[0]?.path, "/openai/v1/responses");
  assert.equal(upstream.requests[0]?.headers["api-key"], "azure-key-1");
});
