// Goal: whoever configures Bedrock is told what is wrong before anything is sent, and the environment does what it
// usually does. Method: configurations as operators write them, without a gateway.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loadConfig, type Config } from "../../src/config.ts";
import type { ConfigTree, Json } from "../support/gateway.ts";
import { AWS } from "./bedrock-scene.ts";

type Environment = Readonly<Record<string, string>>;

function load(
  t: TestContext,
  providers: readonly ConfigTree[] | null,
  environment: Environment = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = providers === null ? null : join(folder, "fairlead.yaml");
  if (file !== null) writeFileSync(file, JSON.stringify({ providers, store: "memory:" }));
  return loadConfig({ file, environment, workingDirectory: folder });
}

function loaded(result: ReturnType<typeof loadConfig>): Config {
  assert.ok(result.ok, result.ok ? "" : JSON.stringify(result.faults));
  return result.config;
}

function faultsOf(t: TestContext, about: Json, environment: Environment = {}): readonly string[] {
  const result = load(t, [{ id: "bedrock", ...about }], environment);
  assert.ok(!result.ok, "it was taken");
  return result.faults.map(({ path, message }) => `${path}: ${message}`);
}

const places = ({ providers }: Config) =>
  providers.map(({ id, region, baseUrl }) => [id, region, baseUrl]);

const HOST = (region: string) => `https://bedrock-runtime.${region}.amazonaws.com`;

test("without a region it is global, asked in us-east-1", (t) => {
  const config = loaded(load(t, [{ id: "bedrock", aws: AWS }]));
  assert.deepEqual(places(config), [["bedrock", "global", HOST("us-east-1")]]);
});

test("regions are groups, exact ones, or groups that say where they are asked", (t) => {
  const region = ["global@eu-west-1", "us", "eu-central-1"];
  const config = loaded(load(t, [{ id: "aws-bedrock", aws: AWS, region }]));
  assert.deepEqual(places(config), [
    ["aws-bedrock:global", "global", HOST("eu-west-1")],
    ["aws-bedrock:us", "us", HOST("us-east-1")],
    ["aws-bedrock:eu-central-1", "eu-central-1", HOST("eu-central-1")],
  ]);
});

test("an address of one's own may hold the region", (t) => {
  const baseUrl = "https://bedrock-runtime-fips.{region}.amazonaws.com";
  const config = loaded(load(t, [{ id: "bedrock", aws: AWS, region: ["us", "ca"], baseUrl }]));
  assert.deepEqual(
    places(config).map(([, , url]) => url),
    [
      "https://bedrock-runtime-fips.us-east-1.amazonaws.com",
      "https://bedrock-runtime-fips.ca-central-1.amazonaws.com",
    ],
  );
});

test("logical names lead to a region or to all of them", (t) => {
  const providers = [{ id: "bedrock", aws: AWS, region: ["eu", "us"] }];
  const folder = mkdtempSync(join(tmpdir(), "fairlead-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "fairlead.yaml");
  const logicalModels = { mine: [{ to: "bedrock/claude" }, { to: "bedrock:eu/claude" }] };
  writeFileSync(file, JSON.stringify({ providers, logicalModels, store: "memory:" }));
  loaded(loadConfig({ file, environment: {}, workingDirectory: folder }));
  const wrong = { mine: [{ to: "bedrock:jp/claude" }] };
  writeFileSync(file, JSON.stringify({ providers, logicalModels: wrong, store: "memory:" }));
  const result = loadConfig({ file, environment: {}, workingDirectory: folder });
  assert.ok(!result.ok);
  assert.match(result.faults[0]?.message ?? "", /names no region of provider bedrock/);
});

test("what does not fit together is told by its path, and no secret is", (t) => {
  const cases: readonly (readonly [about: Json, fault: RegExp])[] = [
    [{}, /^providers\[0\]\.keys: are missing/],
    [{ aws: AWS, keys: ["k"] }, /^providers\[0\]\.keys: stand beside `aws`/],
    [{ aws: AWS, region: "mars" }, /^providers\[0\]\.region: expected global, us, eu/],
    [{ aws: AWS, region: ["eu", "eu@eu-west-1"] }, /region: names a region twice/],
    [{ aws: AWS, region: "eu@us-east-1" }, /region: expected/],
    [{ aws: { accessKeyId: AWS.accessKeyId } }, /aws\.secretAccessKey: /],
    [
      { aws: AWS, google: { credentials: "{}" } },
      /google: is only for providers of the vendor google/,
    ],
    [
      { id: "openai", keys: ["k"], aws: AWS },
      /aws: is only for providers of the vendor aws-bedrock/,
    ],
    [{ id: "openai", keys: ["k"], region: ["a", "b"] }, /region: may be a list only for/],
    [
      { aws: AWS, models: [{ id: "x", dialect: "gemini" }] },
      /models\[0\]\.dialect: is not spoken by its provider/,
    ],
    [
      { aws: AWS, models: [{ id: "titan", capabilities: ["embeddings"] }] },
      /models\[0\]\.capabilities: serves embeddings, which takes/,
    ],
  ];
  for (const [about, fault] of cases) {
    const faults = faultsOf(t, about);
    assert.match(faults.join("\n"), fault, JSON.stringify(about));
    assert.ok(!faults.join("\n").includes(AWS.secretAccessKey));
  }
});

test("LLM_AWS_BEDROCK_REGION holds every Bedrock provider in one geography", (t) => {
  const providers = [
    { id: "mine", vendor: "bedrock", aws: AWS, region: ["global", "us"] },
    { id: "openai", keys: ["k"] },
  ];
  const environment = { LLM_AWS_BEDROCK_REGION: "eu" };
  const config = loaded(load(t, providers, environment));
  assert.deepEqual(places(config), [
    ["mine", "eu", HOST("eu-central-1")],
    ["openai", null, "https://api.openai.com/v1"],
  ]);
  const names = config.deployments
    .filter(({ provider }) => provider === "mine")
    .map(({ upstreamModel }) => upstreamModel);
  assert.ok(names.includes("eu.anthropic.claude-sonnet-4-6"));
  assert.ok(!names.some((name) => /^(?:global|us|apac|jp|au)\./.test(name)));
  const several = loaded(load(t, providers, { LLM_AWS_BEDROCK_REGION: "eu, us" }));
  assert.deepEqual(
    places(several).map(([id]) => id),
    ["mine:eu", "mine:us", "openai"],
  );
  const faults = faultsOf(t, { aws: AWS }, { LLM_AWS_BEDROCK_REGION: "mars" });
  assert.match(faults[0] ?? "", /^LLM_AWS_BEDROCK_REGION: expected/);
});

test("without a file, the usual variables of AWS are a provider", (t) => {
  const keys = { AWS_ACCESS_KEY_ID: AWS.accessKeyId, AWS_SECRET_ACCESS_KEY: AWS.secretAccessKey };
  const signed = load(t, null, { ...keys, AWS_REGION: "eu-west-1" });
  assert.deepEqual(places(loaded(signed)), [["aws-bedrock", "global", HOST("eu-west-1")]]);
  assert.ok(signed.ok && signed.notices.join().includes("taken from AWS_ACCESS_KEY_ID"));
  const [provider] = loaded(signed).providers;
  assert.equal(provider?.access?.kind, "aws");
  assert.deepEqual(provider?.keys, []);
  const bearer = loaded(load(t, null, { ...keys, AWS_BEARER_TOKEN_BEDROCK: "bearer-1" }));
  assert.deepEqual(bearer.providers[0]?.keys, ["bearer-1"]);
  assert.equal(bearer.providers[0]?.access, null);
  const government = loaded(load(t, null, { ...keys, AWS_REGION: "us-gov-west-1" }));
  assert.deepEqual(places(government)[0]?.[1], "us-gov-west-1");
  const half = loaded(load(t, null, { AWS_ACCESS_KEY_ID: AWS.accessKeyId }));
  assert.equal(half.providers[0]?.vendor, "sim");
  const bad = load(t, null, { ...keys, AWS_ACCESS_KEY_ID: "short" });
  assert.ok(!bad.ok);
  assert.match(bad.faults[0]?.path ?? "", /^AWS_ACCESS_KEY_ID$/);
});

test("a file's provider takes nothing from AWS's variables by itself", (t) => {
  const environment = { AWS_REGION: "eu-west-1", AWS_SESSION_TOKEN: "t", AWS_ACCESS_KEY_ID: "x" };
  const config = loaded(load(t, [{ id: "bedrock", aws: AWS }], environment));
  const [provider] = config.providers;
  assert.equal(provider?.baseUrl, HOST("us-east-1"));
  assert.ok(provider?.access?.kind === "aws" && provider.access.sessionToken === null);
});

test("an application's own profile is sent as it is, and is the model its id names", (t) => {
  const arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc";
  const models = [{ id: "claude-sonnet-4-6", model: arn }];
  const config = loaded(load(t, [{ id: "bedrock", aws: AWS, region: "eu-west-1", models }]));
  const [deployment] = config.deployments;
  assert.equal(deployment?.upstreamModel, arn);
  assert.equal(deployment?.model, "claude-sonnet-4-6");
  assert.deepEqual(deployment?.dialects, ["anthropic-messages"]);
});
