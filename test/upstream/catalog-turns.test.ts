// Goal: turns live with the catalog as it is: newer, silent about a model, or without any rating.
// Method: offers as the gateway makes them, and a whole gateway with models nobody has measured.

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { createOffers, usesCatalog } from "../../src/offers.ts";
import { embeddedTable } from "../../src/upstream/catalog.ts";
import { load, loaded } from "../config-fixture.ts";
import { inConversation, provider, startGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";

const TREE = {
  providers: [
    { id: "openai", keys: ["k"] },
    {
      id: "own",
      vendor: "openai",
      keys: ["k"],
      models: [{ id: "gpt-5.5", price: { input: 1, output: 2 } }],
    },
  ],
};

describe("a refreshed catalog", () => {
  it("is what new turns begin with, while a running turn keeps the offer it took", (t) => {
    const offers = createOffers(loaded(load(t, JSON.stringify(TREE))), []);
    const before = offers.current();
    const priceIn = ({ names }: typeof before, id: string) =>
      names.deployments.find((deployment) => deployment.id === id)?.price?.input;
    const table = structuredClone(embeddedTable());
    const row = table.vendors["openai"]?.["gpt-5.5"];
    assert.ok(row !== undefined && row.price !== null);
    row.price.input = 7;
    offers.apply(table);
    const after = offers.current();
    assert.equal(priceIn(before, "openai/gpt-5.5"), 5);
    assert.equal(priceIn(after, "openai/gpt-5.5"), 7);
    assert.notEqual(before.catalogVersion, after.catalogVersion);
    // What the operator wrote is theirs, whatever the list says.
    assert.equal(priceIn(after, "own/gpt-5.5"), 1);
  });

  it("is of use only where a provider takes something from it", (t) => {
    const uses = (tree: object) => usesCatalog(loaded(load(t, JSON.stringify(tree))));
    assert.equal(uses(TREE), true);
    assert.equal(uses({ providers: [{ id: "lab", baseUrl: "http://lab/v1" }] }), false);
    assert.equal(uses({}), false);
  });

  it("is not looked for where the operator switched it off, nor is a copy read", (t) => {
    const { catalog } = loaded(load(t, "catalog: { refresh: false }"));
    assert.equal(catalog.refresh, null);
    assert.equal(catalog.opened.table, embeddedTable());
    const off = { environment: { FAIRLEAD_CATALOG_REFRESH: "false" } };
    assert.equal(loaded(load(t, "{}", off)).catalog.refresh, null);
    const on = loaded(load(t, "{}")).catalog.refresh;
    assert.deepEqual([on?.url, on?.everyHours], ["https://models.dev/api.json", 6]);
  });
});

describe("a model that a vendor calls by a name of its own", () => {
  it("is the same model as elsewhere, and is asked for by the vendor's name", async (t) => {
    const upstream = await startUpstream();
    t.after(() => upstream.close());
    const id = "openai/gpt-oss-120b";
    const gateway = await startGateway(t, {
      catalog: { refresh: false },
      providers: [provider("groq", upstream, { models: [{ id: "fast", model: id }] })],
    });
    for (const model of ["gpt-oss-120b", "fast", id]) {
      const messages = [{ role: "user", content: "Hello" }];
      const answer = await gateway.chat({ model, messages });
      assert.equal(answer.status, 200, model);
    }
    const names = upstream.requests.map(({ body }) => JSON.stringify(body));
    assert.ok(names.every((body) => body.includes(`"model":"${id}"`)));
  });
});

describe("an operator with unrated models only", () => {
  async function unratedGateway(t: TestContext) {
    const upstream = await startUpstream();
    t.after(() => upstream.close());
    const models = [{ id: "house-blend" }, { id: "other", price: { input: 1, output: 1 } }];
    return startGateway(t, { providers: [provider("lab", upstream, { models })] });
  }
  const ask = { model: "auto", messages: [{ role: "user", content: "Hello" }] };

  for (const profile of ["CHAT", "BATCH", "SAVINGS"]) {
    it(`is served under ${profile}, the profile without a floor`, async (t) => {
      const gateway = await unratedGateway(t);
      const answer = await gateway.chat(ask, { "x-router-profile": profile });
      assert.equal(answer.status, 200);
    });
  }

  it("is told by AGENT which line of the configuration rates a model", async (t) => {
    const gateway = await unratedGateway(t);
    const refused = await gateway.chat(ask, inConversation("c-1"));
    assert.equal(refused.status, 400);
    const line = /ratings: \{ \\?"(?:house-blend|other)\\?": \{ agent: 0\.6 \} \}/;
    assert.match(await refused.text(), line);
  });

  it("is never told a cost of 0 for a model whose price is unknown", async (t) => {
    const gateway = await unratedGateway(t);
    const answer = await gateway.chat({ ...ask, model: "lab/house-blend" });
    const receipt = await gateway.read(`/v1/receipts/${answer.headers.get("x-request-id")}`);
    assert.equal(receipt.cost.total_usd, null);
    assert.match(receipt.catalog_version, /^models-.*\+quality-/);
  });
});
