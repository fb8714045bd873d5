// The catalog: what is known of models, and that nothing is made up.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  catalogModels,
  catalogVersion,
  correctionPlaceOf,
  findCatalogModel,
  qualityOf,
  ratingName,
} from "../../src/upstream/catalog.ts";
import { listVendors } from "../../src/upstream/vendors.ts";

const VENDORS_WITH_MODELS = ["openai", "mistral", "groq", "together", "deepseek", "xai", "cohere"];

describe("the catalog", () => {
  it("names the state of its data", () => {
    assert.match(catalogVersion(), /^models-\d{4}-\d\d-\d\d\+quality-\d{4}-\d\d-\d\d$/);
  });

  it("knows models of every vendor that has a public list", () => {
    const known = new Set(listVendors().map(({ id }) => id));
    for (const vendor of VENDORS_WITH_MODELS) {
      assert.ok(known.has(vendor), vendor);
      assert.ok(catalogModels(vendor).length >= 4, vendor);
    }
    assert.deepEqual(catalogModels("nobody"), []);
    assert.equal(findCatalogModel("openai", "nothing"), null);
  });

  it("gives price, limits and abilities of a model", () => {
    assert.deepEqual(findCatalogModel("openai", "gpt-5.5"), {
      model: "gpt-5.5",
      ratingName: "gpt-5.5",
      endpoint: "chat",
      contextTokens: 1_050_000,
      maxOutputTokens: 128_000,
      capabilities: ["tools", "vision", "json"],
      price: { input: 5, output: 30, cacheRead: 0.5, cacheWrite: null },
    });
  });

  it("never has a price of 0 for both directions, nor a limit of 0", () => {
    for (const { id } of listVendors()) {
      for (const { model, price, contextTokens, maxOutputTokens } of catalogModels(id)) {
        assert.ok(price === null || price.input + price.output > 0, model);
        assert.ok(price?.cacheRead !== 0 && price?.cacheWrite !== 0, model);
        assert.ok(contextTokens !== 0 && maxOutputTokens !== 0, model);
      }
    }
  });

  it("holds models for conversation only", () => {
    for (const { id } of listVendors()) {
      for (const { model } of catalogModels(id)) {
        assert.doesNotMatch(model, /embed|whisper|tts|image|guard|rerank/i);
      }
    }
  });
});

describe("the quality of a model", () => {
  it("is its lower bound, whoever serves it and however they spell it", () => {
    const quality = { agent: 0.563, coding: 0.881 };
    for (const name of ["gpt-5.5", "openai/gpt-5.5", "GPT-5-5", "gpt-5.5-2026-04-23"]) {
      assert.deepEqual(qualityOf(name), quality, name);
    }
    assert.equal(ratingName("zai-org/GLM-5.2"), "glm-5-2");
    assert.equal(ratingName("claude-opus-4-5@20251101"), "claude-opus-4-5");
  });

  it("is nothing for a model nobody measured, or that was altered", () => {
    assert.deepEqual(qualityOf("my-own-model"), {});
    assert.deepEqual(qualityOf("gpt-5.5-pro"), {});
    assert.deepEqual(qualityOf("constructor"), {});
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
