// The catalog: what is known of models, and that nothing is made up.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { correctionPlaceOf, modelIdentity, ratingName } from "../../src/upstream/catalog-names.ts";
import { embeddedCatalog, embeddedTable, makeCatalog } from "../../src/upstream/catalog.ts";
import { listVendors } from "../../src/upstream/vendors.ts";

const catalog = embeddedCatalog();
const VENDORS_WITH_MODELS = [
  "openai",
  "azure-openai",
  "anthropic",
  "google-ai-studio",
  "google-vertex",
  "aws-bedrock",
  "mistral",
  "cohere",
  "groq",
  "together",
  "deepseek",
  "xai",
];

describe("the catalog", () => {
  it("names the state of its data by date and content", () => {
    const pattern = /^models-\d{4}-\d\d-\d\d\.[0-9a-f]{8}\+quality-\d{4}-\d\d-\d\d$/;
    assert.match(catalog.version, pattern);
    const table = structuredClone(embeddedTable());
    assert.equal(makeCatalog(table).version, catalog.version);
    const row = table.vendors["openai"]?.["gpt-5.5"];
    assert.ok(row !== undefined && row.price !== null);
    row.price.output += 0.01;
    assert.notEqual(makeCatalog(table).version, catalog.version);
  });

  it("knows models of every vendor that has a public list", () => {
    for (const vendor of VENDORS_WITH_MODELS) {
      assert.ok(catalog.models(vendor).length >= 4, vendor);
    }
    for (const { id } of listVendors()) catalog.models(id);
    assert.deepEqual(catalog.models("nobody"), []);
    assert.equal(catalog.find("openai", "nothing"), null);
    assert.equal(catalog.find("openai", "constructor"), null);
  });

  it("finds a vendor by its older names too", () => {
    for (const [older, name] of [
      ["gemini", "google-ai-studio"],
      ["bedrock", "aws-bedrock"],
      ["azure", "azure-openai"],
      ["vertex", "google-vertex"],
    ] as const) {
      assert.deepEqual(catalog.models(older), catalog.models(name));
    }
  });

  it("gives price, limits and abilities of a model, with the source of the price", () => {
    assert.deepEqual(catalog.find("openai", "gpt-5.5"), {
      model: "gpt-5.5",
      identity: "gpt-5.5",
      listed: true,
      endpoint: "chat",
      contextTokens: 1_050_000,
      maxOutputTokens: 128_000,
      capabilities: ["tools", "vision", "json"],
      price: {
        input: 5,
        output: 30,
        cacheRead: 0.5,
        cacheWrite: null,
        cacheWriteHour: null,
        tiers: [
          {
            above: 272_000,
            input: 10,
            output: 45,
            cacheRead: 1,
            cacheWrite: null,
            cacheWriteHour: null,
          },
        ],
      },
      priceSource: "models.dev",
      otherPrice: null,
    });
  });

  it("prices models that are newer than its list, and offers those that are rated", () => {
    const rated = catalog.find("anthropic", "claude-opus-5");
    assert.equal(rated?.price?.input, 5);
    assert.equal(rated?.priceSource, "genai-prices");
    assert.equal(rated?.listed, true);
    const unrated = catalog.find("anthropic", "claude-opus-5-5");
    assert.equal(unrated?.price?.input, 4);
    assert.equal(unrated?.listed, false);
    assert.ok(!catalog.models("anthropic").some(({ model }) => model === "claude-opus-5-5"));
  });

  it("takes the regional price where the sources differ on a region, and shows the other", () => {
    const regional = catalog.find("aws-bedrock", "us.anthropic.claude-sonnet-5");
    assert.deepEqual([regional?.price?.input, regional?.price?.output], [2.2, 11]);
    assert.deepEqual(regional?.otherPrice, { input: 2, output: 10 });
  });

  it("never has a price of 0 for both directions, nor a limit of 0", () => {
    for (const vendor of catalog.vendors) {
      for (const { model, price, contextTokens, maxOutputTokens } of catalog.everyModel(vendor)) {
        assert.ok(price === null || price.input + price.output > 0, model);
        assert.ok(price?.cacheRead !== 0 && price?.cacheWrite !== 0, model);
        assert.ok(contextTokens !== 0 && maxOutputTokens !== 0, model);
      }
    }
  });

  it("holds models for conversation and for embeddings only, and tells them apart", () => {
    for (const vendor of catalog.vendors) {
      for (const { model, endpoint, capabilities } of catalog.everyModel(vendor)) {
        assert.doesNotMatch(model, /whisper|tts|-image|guard|rerank/i);
        const embeds = /embed/i.test(model);
        assert.equal(endpoint === "embeddings", embeds, model);
        assert.equal(capabilities?.includes("embeddings") ?? false, embeds, model);
      }
    }
  });

  it("prices embeddings, where they are served in the one format that is relayed", () => {
    const small = catalog.find("openai", "text-embedding-3-small");
    assert.deepEqual(small?.capabilities, ["embeddings"]);
    assert.equal(small.price?.input, 0.02);
    assert.equal(catalog.find("google-ai-studio", "gemini-embedding-001"), null);
  });
});

describe("the identity of a model", () => {
  it("is the same at every vendor that serves the very same model", () => {
    for (const name of [
      "claude-sonnet-4-5",
      "claude-sonnet-4-5-20250929",
      "claude-sonnet-4-5@20250929",
      "anthropic/claude-sonnet-4-5",
      "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ]) {
      assert.equal(modelIdentity(name), "claude-sonnet-4-5", name);
    }
    assert.equal(modelIdentity("openai/gpt-oss-120b-maas"), "gpt-oss-120b");
    assert.equal(modelIdentity("openai.gpt-oss-120b-1:0"), "gpt-oss-120b");
    assert.equal(modelIdentity("us.deepseek.r1-v1:0"), "deepseek-r1");
    assert.equal(modelIdentity("deepseek-ai/DeepSeek-R1"), "deepseek-r1");
  });

  it("keeps apart what only looks alike: releases, quantised and re-trained models", () => {
    for (const [left, right] of [
      ["gpt-4o-2024-05-13", "gpt-4o-2024-08-06"],
      ["claude-3-5-sonnet-20240620", "claude-3-5-sonnet-20241022"],
      ["meta-llama/Llama-3.3-70B-Instruct-Turbo", "meta-llama/Llama-3.3-70B-Instruct"],
      ["somebody/gemma-4-31b-it", "google/gemma-4-31b-it"],
      ["mistral-large-2411", "mistral-large-2512"],
    ] as const) {
      assert.notEqual(modelIdentity(left), modelIdentity(right));
    }
  });

  it("joins all places that serve it in the embedded catalog", () => {
    const served = catalog.vendors.filter((vendor) =>
      catalog.models(vendor).some(({ identity }) => identity === "claude-sonnet-5"),
    );
    assert.deepEqual(served, ["azure-openai", "anthropic", "google-vertex", "aws-bedrock"]);
  });
});

describe("the quality of a model", () => {
  it("is its lower bound, whoever serves it and however they spell it", () => {
    const quality = { agent: 0.563, coding: 0.881 };
    for (const name of ["gpt-5.5", "openai/gpt-5.5", "GPT-5-5", "gpt-5.5-2026-04-23"]) {
      assert.deepEqual(catalog.quality(name), quality, name);
    }
    assert.equal(ratingName("zai-org/GLM-5.2"), "glm-5-2");
    assert.equal(ratingName("claude-opus-4-5@20251101"), "claude-opus-4-5");
  });

  it("is nothing for a model nobody measured, or that was altered", () => {
    assert.deepEqual(catalog.quality("my-own-model"), {});
    assert.deepEqual(catalog.quality("gpt-5.5-pro"), {});
    assert.deepEqual(catalog.quality("constructor"), {});
  });
});

describe("the place of a correction", () => {
  it("is in the tool result for models that refuse a user message after it", () => {
    for (const model of ["mistral-large-latest", "open-mixtral-8x7b", "lab/Devstral-24B"]) {
      assert.equal(correctionPlaceOf(model, "late-system"), "tool-result-tail", model);
    }
    assert.equal(correctionPlaceOf("llama-3.3", "user-after-tool"), "user-after-tool");
  });
});
