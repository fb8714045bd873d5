// A newer list is believed only as far as it is plausible, and never takes a model away.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { mergeTables } from "../../src/upstream/catalog-gates.ts";
import { completeTable, loadOpinions, type Opinion } from "../../src/upstream/catalog-opinion.ts";
import { reduceSource } from "../../src/upstream/catalog-source.ts";
import { rowOf, tableSchema, tableVersion } from "../../src/upstream/catalog-table.ts";
import {
  addModel,
  completing,
  modelIn,
  NO_OPINIONS,
  publicList,
  tableOf,
  type PublicList,
} from "./catalog-list.ts";

const before = tableOf(publicList());

function merge(list: PublicList) {
  const { table, names } = reduceSource(list, "2026-08-01");
  return mergeTables(before, table, names);
}

function merged(list: PublicList) {
  const result = merge(list);
  assert.ok(result.ok, result.ok ? "" : result.reason);
  return result;
}

describe("a newer list", () => {
  it("changes prices and limits and adds models", () => {
    const list = publicList();
    modelIn(list, "openai", "m-3").cost = { input: 4, output: 16 };
    modelIn(list, "groq", "m-1").limit.context = 400_000;
    addModel(list, "brand-new", modelIn(publicList(), "openai", "m-2"));
    const { table, slips } = merged(list);
    assert.equal(rowOf(table, "openai", "m-3")?.price?.input, 4);
    assert.equal(rowOf(table, "groq", "m-1")?.contextTokens, 400_000);
    assert.equal(rowOf(table, "openai", "brand-new")?.listed, true);
    assert.deepEqual(slips, []);
    assert.notEqual(tableVersion(table), tableVersion(before));
  });

  it("is refused when it lacks more than a tenth of the models, and taken when it lacks a tenth", () => {
    const without = (count: number): PublicList => {
      const list = publicList();
      for (let index = 1; index <= count; index += 1) delete list["groq"]?.models[`m-${index}`];
      return list;
    };
    assert.ok(merge(without(4)).ok);
    const refused = merge(without(5));
    assert.ok(!refused.ok);
    assert.match(refused.reason, /lacks 5 of the 40 models/);
  });

  it("never takes away a model, whether it is gone, deprecated or without a price now", () => {
    const list = publicList();
    delete list["groq"]?.models["m-1"];
    modelIn(list, "openai", "m-2").status = "deprecated";
    delete modelIn(list, "openai", "m-3").cost;
    const { table } = merged(list);
    for (const [vendor, id] of [
      ["groq", "m-1"],
      ["openai", "m-2"],
      ["openai", "m-3"],
    ] as const) {
      assert.deepEqual(rowOf(table, vendor, id)?.price, rowOf(before, vendor, id)?.price);
      assert.notEqual(rowOf(table, vendor, id)?.price, null);
    }
  });

  it("counts deprecated models as known, so that an old release can still be refreshed", () => {
    const list = publicList();
    for (const { models } of Object.values(list)) {
      for (const model of Object.values(models)) model.status = "deprecated";
    }
    assert.ok(merge(list).ok);
  });

  it("moves a price by five times at most; one that moves further stays, and is told", () => {
    const priced = (input: number) => {
      const list = publicList();
      modelIn(list, "openai", "m-1").cost = { input, output: 5 };
      return merged(list);
    };
    assert.equal(rowOf(priced(5).table, "openai", "m-1")?.price?.input, 5);
    assert.equal(rowOf(priced(0.2).table, "openai", "m-1")?.price?.input, 0.2);
    for (const wrong of [5.01, 0.199]) {
      const { table, slips } = priced(wrong);
      assert.deepEqual(rowOf(table, "openai", "m-1")?.price, rowOf(before, "openai", "m-1")?.price);
      assert.match(slips.join(), /openai\/m-1: input price from 1 to/);
    }
  });

  it("is refused as a whole when many prices slip, as when the unit changed", () => {
    const list = publicList();
    for (const model of Object.values(list["openai"]?.models ?? {})) {
      if (model.cost !== undefined) model.cost = { input: 1e-6, output: 5e-6 };
    }
    const refused = merge(list);
    assert.ok(!refused.ok);
    assert.match(refused.reason, /20 of 40 prices moved more than 5 times/);
  });

  it("never changes the identity of a model, to which conversations are pinned", () => {
    const table = structuredClone(before);
    const row = table.vendors["openai"]?.["m-1"];
    assert.ok(row !== undefined);
    row.identity = "settled-name";
    const { table: next, names } = reduceSource(publicList(), "2026-08-01");
    const result = mergeTables(table, next, names);
    assert.equal(result.ok && rowOf(result.table, "openai", "m-1")?.identity, "settled-name");
  });

  it("never makes a table that would be refused, whatever stands in it", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything()), fc.jsonValue(), (models, odd) => {
        const list = { ...publicList(), mistral: { models: { ...models, odd } }, xai: odd };
        const { table, names } = reduceSource(list, "2026-08-01");
        const result = mergeTables(before, completeTable(table, completing(NO_OPINIONS)), names);
        assert.ok(result.ok);
        tableSchema.parse(result.table);
      }),
    );
  });

  it("is read in its newer and its older way of writing prices of long requests and abilities", () => {
    const over = { input: 2, output: 10 };
    const tier = { ...over, cache_read: 0.2, tier: { type: "context", size: 272_000 } };
    const read = (cost: object, about: object = {}) => {
      const model = { ...modelIn(publicList(), "openai", "m-1"), ...about };
      const written = { openai: { models: { m: { ...model, cost: { ...model.cost, ...cost } } } } };
      return rowOf(reduceSource(written, "2026-08-01").table, "openai", "m");
    };
    const aboves = (cost: object) => read(cost)?.price?.tiers.map(({ above }) => above);
    assert.deepEqual(aboves({ tiers: [tier], context_over_200k: over }), [272_000]);
    assert.deepEqual(aboves({ context_over_200k: over }), [200_000]);
    assert.deepEqual(aboves({ tiers: [{ ...tier, tier: { type: "hour", size: 9 } }] }), []);
    assert.deepEqual(aboves({}), []);
    assert.ok(read({}, { tool_call: { supported: true } })?.capabilities?.includes("tools"));
    assert.ok(!read({}, { tool_call: { supported: false } })?.capabilities?.includes("tools"));
  });

  it("reads a price of 0 for both directions as unknown", () => {
    const list = publicList();
    const free = { input: 0, output: 0 };
    addModel(list, "free", { ...modelIn(list, "openai", "m-1"), cost: free });
    assert.equal(rowOf(merged(list).table, "openai", "free")?.price, null);
  });
});

describe("the second opinion on prices", () => {
  const price = {
    input: 1,
    output: 5,
    cacheRead: 0.2,
    cacheWrite: 1.25,
    cacheWriteHour: 2,
    tiers: [],
  };
  const saying = (opinion: Opinion | null) => ({ priceOf: () => opinion, modelsOf: () => [] });
  const completed = (opinion: Opinion) => {
    const row = rowOf(completeTable(before, completing(saying(opinion))), "openai", "m-1");
    assert.ok(row !== null);
    return row;
  };

  it("fills in what the list leaves out where both agree", () => {
    const row = completed({ price, exact: true, regional: false });
    assert.deepEqual(row.price, { ...price, cacheRead: 0.1 });
    assert.equal(row.priceSource, "both");
  });

  it("stands beside the list's price where they differ, and does not replace it", () => {
    const row = completed({ price: { ...price, input: 9 }, exact: true, regional: false });
    assert.equal(row.price?.input, 1);
    assert.deepEqual(row.otherPrice, { input: 9, output: 5 });
  });

  it("gives a price to a model without one only when it is written for that very model", () => {
    const list = publicList();
    delete modelIn(list, "openai", "m-1").cost;
    const said = (exact: boolean) =>
      rowOf(
        completeTable(tableOf(list), completing(saying({ price, exact, regional: false }))),
        "openai",
        "m-1",
      );
    assert.equal(said(true)?.price?.input, 1);
    assert.equal(said(false)?.price, null);
  });

  it("offers a model that only it knows where that model is rated and the list says nothing of it", () => {
    const opinions = {
      priceOf: () => ({ price, exact: true, regional: false }),
      modelsOf: () => [{ id: "only-here", contextTokens: 1_000 }],
    };
    const listed = (about: object) => {
      const table = completeTable(before, { ...completing(opinions), ...about });
      return ["openai", "groq"].map((vendor) => rowOf(table, vendor, "only-here")?.listed);
    };
    assert.deepEqual(listed({ isRated: () => true }), [true, false]);
    assert.deepEqual(listed({ isRated: () => false }), [false, false]);
    assert.deepEqual(listed({ isRated: () => true, names: () => true }), [false, false]);
  });

  it("comes from the package for models the list does not have", async () => {
    const opinions = await loadOpinions(Date.UTC(2026, 10, 20));
    const opinion = opinions.priceOf("anthropic", "claude-opus-5");
    assert.equal(opinion?.exact, true);
    assert.equal(opinion?.price.cacheWriteHour, 10);
    assert.equal(opinions.priceOf("nobody", "claude-opus-5"), null);
    const tiers = opinions.priceOf("openai", "gpt-5.6-sol")?.price.tiers;
    assert.deepEqual(
      tiers?.map(({ above, input }) => [above, input]),
      [[272_000, 8]],
    );
  });
});
