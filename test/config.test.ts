// What a configuration gives: defaults, precedence, variables, paths, providers, models.

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { loadConfig, resolveConfigFile } from "../src/config.ts";
import { makeOpenDeployment } from "../src/config-providers.ts";
import { embeddedCatalog } from "../src/upstream/catalog.ts";
import { faultLines, load, loaded, makeFolder } from "./config-fixture.ts";

const LAB = `
providers:
  - id: lab
    baseUrl: http://127.0.0.1:9000/v1/
    keys: [k1, k2]
    models:
      - { id: big, model: big-1, contextTokens: 200000, price: { input: 3, output: 15 } }
      - { id: small, quality: { chat: 0.5 } }
`;

describe("without a configuration file", () => {
  it("offers the simulator and says so when no vendor's key is in the environment", (t) => {
    const result = loadConfig({ file: null, environment: {}, workingDirectory: makeFolder(t) });
    const config = loaded(result);
    assert.deepEqual(
      config.providers.map(({ id, dialect, baseUrl }) => ({ id, dialect, baseUrl })),
      [{ id: "sim", dialect: "simulator", baseUrl: null }],
    );
    assert.ok(result.ok && result.notices.some((notice) => notice.includes("simulator")));
    assert.equal(config.listen.host, "127.0.0.1");
    assert.equal(config.listen.port, 8787);
  });

  it("takes providers and their catalog from the usual variables", (t) => {
    const environment = {
      OPENAI_API_KEY: "sk-1",
      MISTRAL_API_KEY: " mk \n",
      ANTHROPIC_API_KEY: "a",
    };
    const result = loadConfig({ file: null, environment, workingDirectory: makeFolder(t) });
    const config = loaded(result);
    assert.deepEqual(
      config.providers.map(({ id, baseUrl, keys, openModels }) => ({
        id,
        baseUrl,
        keys,
        openModels,
      })),
      [
        { id: "openai", baseUrl: "https://api.openai.com/v1", keys: ["sk-1"], openModels: true },
        { id: "mistral", baseUrl: "https://api.mistral.ai/v1", keys: ["mk"], openModels: true },
        { id: "anthropic", baseUrl: "https://api.anthropic.com/v1", keys: ["a"], openModels: true },
      ],
    );
    assert.ok(config.deployments.some((deployment) => deployment.id === "openai/gpt-5"));
  });

  it("asks a model that the vendor serves on one of its interfaces only on that one", (t) => {
    const environment = { OPENAI_API_KEY: "sk-1" };
    const config = loaded(loadConfig({ file: null, environment, workingDirectory: makeFolder(t) }));
    const codex = config.deployments.filter(({ id }) => id.includes("codex"));
    assert.ok(codex.length > 0);
    for (const { dialects } of codex) assert.deepEqual(dialects, ["openai-responses"]);
  });

  it("ignores OPENAI_BASE_URL, which points agents to this very gateway", (t) => {
    const environment = { OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: "http://127.0.0.1:8787/v1" };
    const config = loaded(loadConfig({ file: null, environment, workingDirectory: makeFolder(t) }));
    assert.equal(config.providers[0]?.baseUrl, "https://api.openai.com/v1");
  });

  it("says when a fairlead.yaml lies there unread", (t) => {
    const folder = makeFolder(t, { "fairlead.yaml": "listen: { port: 1 }" });
    const result = loadConfig({ file: null, environment: {}, workingDirectory: folder });
    assert.ok(result.ok && result.notices.some((notice) => notice.includes("was not read")));
    assert.equal(loaded(result).listen.port, 8787);
  });
});

describe("precedence", () => {
  const text = "listen: { port: 1000, host: localhost }\nstore: memory\n";

  it("puts flags before the environment, the environment before the file", (t) => {
    const environment = { FAIRLEAD_PORT: "2000", FAIRLEAD_HOST: "::1" };
    const config = loaded(load(t, text, { environment, flags: { port: 3000 } }));
    assert.equal(config.listen.port, 3000);
    assert.equal(config.listen.host, "::1");
    assert.equal(config.store, "memory:");
    assert.equal(loaded(load(t, text)).listen.port, 1000);
  });

  it("names --config before FAIRLEAD_CONFIG as the file", () => {
    const environment = { FAIRLEAD_CONFIG: "b.yaml" };
    const at = { environment, workingDirectory: "/srv" };
    assert.equal(resolveConfigFile({ flag: "a.yaml", ...at }), "/srv/a.yaml");
    assert.equal(resolveConfigFile({ flag: null, ...at }), "/srv/b.yaml");
    assert.equal(
      resolveConfigFile({ flag: null, environment: {}, workingDirectory: "/srv" }),
      null,
    );
  });

  it("names the variable or flag, not the field, when the value given there is wrong", (t) => {
    const environment = { FAIRLEAD_PORT: "many" };
    const lines = faultLines(load(t, text, { environment, flags: { store: "mongo://x" } }));
    assert.deepEqual(
      lines.map((line) => line.split(":")[0]),
      ["FAIRLEAD_PORT", "--store"],
    );
  });
});

describe("a configuration file", () => {
  it("is read as JSON too", (t) => {
    const config = loaded(load(t, JSON.stringify({ listen: { port: 4 }, divergence: "off" })));
    assert.equal(config.listen.port, 4);
    assert.equal(config.divergence, "off");
  });

  it("may keep its store in memory, with or without the colon", (t) => {
    assert.equal(loaded(load(t, "store: memory")).store, "memory:");
    assert.equal(loaded(load(t, 'store: "memory:"')).store, "memory:");
    assert.match(faultLines(load(t, "store: memory:"))[0] ?? "", /needs quotes/);
  });

  it("has its relative paths start at its own folder, and those of a flag where one stands", (t) => {
    const folder = makeFolder(t, {
      "conf/fairlead.yaml": "store: sqlite:./a.db\nledger: sqlite:b.db\nprofiles: own\n",
      "conf/own/night.yaml": "floor: 0.5",
    });
    const options = { file: "conf/fairlead.yaml", environment: {}, workingDirectory: folder };
    const config = loaded(loadConfig({ ...options, flags: { ledger: "sqlite:c.db" } }));
    assert.equal(config.store, `sqlite:${join(folder, "conf/a.db")}`);
    assert.equal(config.ledger, `sqlite:${join(folder, "c.db")}`);
    assert.equal(config.profiles.get("NIGHT")?.floor, 0.5);
  });

  it("takes a section without content as its defaults", (t) => {
    const config = loaded(load(t, "keys:\nlimits:\nreceipts:\n  inBody:\n"));
    assert.equal(config.limits.bodyBytesMax, 33_554_432);
    assert.equal(config.receipts.inBody, true);
  });

  it("has variables expanded, also into numbers, and $${ kept literally", (t) => {
    const environment = { PORT: "5000", KEY: "a-key", HOST: "models.example" };
    const text = `
listen: { port: "\${PORT}" }
providers:
  - id: lab
    baseUrl: "https://\${HOST}/v1"
    keys: ["pre-\${KEY}-\${KEY}"]
    headers: { X-Note: "$\${KEY}" }
`;
    const config = loaded(load(t, text, { environment }));
    assert.equal(config.listen.port, 5000);
    assert.equal(config.providers[0]?.baseUrl, "https://models.example/v1");
    assert.deepEqual(config.providers[0]?.keys, ["pre-a-key-a-key"]);
    assert.deepEqual(config.providers[0]?.headers, { "x-note": "${KEY}" });
  });
});

describe("providers and models", () => {
  it("gives one deployment per listed model, with what is unknown as null", (t) => {
    const config = loaded(load(t, LAB));
    assert.equal(config.providers[0]?.baseUrl, "http://127.0.0.1:9000/v1");
    assert.equal(config.providers[0]?.openModels, false);
    assert.deepEqual(config.deployments, [
      {
        id: "lab/big",
        provider: "lab",
        localId: "big",
        model: "big-1",
        upstreamModel: "big-1",
        dialects: ["openai-chat"],
        region: null,
        contextTokens: 200_000,
        maxOutputTokens: null,
        capabilities: ["tools", "json"],
        price: { input: 3, output: 15, cacheRead: null, cacheWrite: null },
        quality: {},
        correctionPlace: "user-after-tool",
      },
      {
        id: "lab/small",
        provider: "lab",
        localId: "small",
        model: "small",
        upstreamModel: "small",
        dialects: ["openai-chat"],
        region: null,
        contextTokens: null,
        maxOutputTokens: null,
        capabilities: ["tools", "json"],
        price: null,
        quality: { chat: 0.5 },
        correctionPlace: "user-after-tool",
      },
    ]);
  });

  it("lets the operator's facts win over the catalog's, field by field, and ratings as a whole", (t) => {
    const text = `
ratings: { "gpt-5.4": { chat: 0.7 }, "gpt-5.5": { agent: 0.1, chat: 0.8 } }
providers:
  - id: eu
    vendor: openai
    keys: [k]
    region: eu
    models:
      - { id: mine, model: gpt-5.5, contextTokens: 1000, quality: { agent: 0.99 } }
      - { id: gpt-5.4 }
`;
    const [mine, other] = loaded(load(t, text)).deployments;
    assert.equal(mine?.id, "eu/mine");
    assert.equal(mine?.contextTokens, 1000);
    assert.equal(mine?.price?.input, 5);
    assert.deepEqual(mine?.quality, { agent: 0.99, chat: 0.8 });
    assert.equal(mine?.region, "eu");
    assert.deepEqual(other?.quality, { chat: 0.7 });
  });

  it("passes on any model of a provider that lists none, unrated and unpriced", (t) => {
    const result = load(t, "providers:\n  - { id: ollama }\n");
    const [provider] = loaded(result).providers;
    assert.ok(provider?.openModels);
    const open = makeOpenDeployment(provider, "team/mistral-small:24b", embeddedCatalog());
    assert.ok(open);
    assert.equal(open.id, "ollama/team/mistral-small:24b");
    assert.equal(open.price, null);
    assert.deepEqual(open.quality, {});
    assert.equal(open.correctionPlace, "tool-result-tail");
    assert.ok(result.ok && result.notices.some((notice) => notice.includes("lists no models")));
  });

  it("keeps keys out of deployments", (t) => {
    const config = loaded(load(t, LAB.replace("k1", "secret-key-one")));
    assert.ok(!JSON.stringify(config.deployments).includes("secret-key-one"));
  });

  it("reads logical models with weights and conditions", (t) => {
    const text = `${LAB}
logicalModels:
  chat-model:
    - { to: lab/big, when: { header: { X-Data-Class: regulated } } }
    - { to: lab/small, weight: 5 }
    - { to: lab/big, weight: 0 }
`;
    assert.deepEqual(loaded(load(t, text)).logicalModels.get("chat-model"), [
      { to: "lab/big", weight: 1, when: { header: { "x-data-class": "regulated" } } },
      { to: "lab/small", weight: 5, when: null },
      { to: "lab/big", weight: 0, when: null },
    ]);
  });

  it("tells which floor no model reaches, and the line that rates one", (t) => {
    const text = LAB.replace("quality: { chat: 0.5 }", "");
    const unrated = load(t, text);
    assert.ok(unrated.ok);
    const notice = unrated.notices.find((line) => line.includes("profile AGENT"));
    assert.match(notice ?? "", /ratings: \{ "big-1": \{ agent: 0\.6 \} \}/);
    const rated = load(t, `${text}\nratings: { "big-1": { agent: 0.6 } }\n`);
    assert.ok(rated.ok && !rated.notices.some((line) => line.includes("profile AGENT")));
  });
});
