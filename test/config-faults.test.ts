// What is refused, under which path, and that everything wrong is told at once.

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { loadConfig } from "../src/config.ts";
import { faultLines, load, loaded, makeFolder } from "./config-fixture.ts";

const HASH = "ab".repeat(32);
const PEPPER = "0123456789abcdef0123456789abcdef";
const LAB = "providers:\n  - { id: lab, baseUrl: http://lab/v1, models: [{ id: big }] }\n";

/** What is wrong, the text, and how the fault must begin and read. */
const CASES: readonly (readonly [string, string, RegExp])[] = [
  ["a mistyped name", "listne: {}", /^listne: .*did you mean listen\?/],
  ["a mistyped name deep down", `${LAB}timeouts: { idelMs: 1 }`, /^timeouts\.idelMs: .*idleMs/],
  ["a name that resembles none", "zzzzzzzz: 1", /^zzzzzzzz: is not a known name; known: listen/],
  ["a wrong kind of value", "listen: { port: high }", /^listen\.port: expected/],
  ["a value out of bounds", "limits: { depthMax: 100000 }", /^limits\.depthMax: /],
  ["a missing variable", 'store: "${NOPE}"', /^store: environment variable NOPE is not set/],
  ["an empty variable", 'store: "${EMPTY}"', /^store: environment variable EMPTY is empty/],
  ["a nameless variable", 'store: "${}"', /^store: .*without a variable's name/],
  ["an unknown store", "store: mongo://x", /^store: expected memory,/],
  [
    "a wrong base URL",
    "providers: [{ id: lab, baseUrl: lab }]",
    /^providers\[0\]\.baseUrl: is not a URL/,
  ],
  [
    "a base URL of a metadata service",
    "providers: [{ id: lab, baseUrl: http://169.254.169.254/v1 }]",
    /^providers\[0\]\.baseUrl: points to a link-local/,
  ],
  [
    "a private base URL where only public ones are allowed",
    "providers: [{ id: lab, baseUrl: http://10.0.0.1/v1, allowPrivateAddress: false }]",
    /^providers\[0\]\.baseUrl: points to a private/,
  ],
  [
    "a missing base URL",
    "providers: [{ id: mistrall }]",
    /^providers\[0\]\.baseUrl: .*did you mean mistral\?/,
  ],
  ["a missing key", "providers: [{ id: openai }]", /^providers\[0\]\.keys: .*OPENAI_API_KEY/],
  [
    "an unknown vendor",
    "providers: [{ id: x, vendor: opnai, keys: [k] }]",
    /^providers\[0\]\.vendor: .*openai/,
  ],
  [
    "an unknown dialect",
    "providers: [{ id: lab, baseUrl: http://lab/v1, dialect: soap }]",
    /dialect: is not a dialect/,
  ],
  [
    "a vendor whose address is the operator's own",
    "providers: [{ id: azure-openai, keys: [k] }]",
    /^providers\[0\]\.baseUrl: is missing/,
  ],
  [
    "a reserved provider",
    "providers: [{ id: fairlead, baseUrl: http://x/v1 }]",
    /^providers\[0\]\.id: is reserved/,
  ],
  [
    "a provider twice",
    "providers: [{ id: lab, baseUrl: http://a/v1 }, { id: Lab, baseUrl: http://b/v1 }]",
    /^providers\[1\]\.id: is the same as providers\[0\]\.id/,
  ],
  [
    "a model twice",
    "providers: [{ id: lab, baseUrl: http://a/v1, models: [{ id: m }, { id: m }] }]",
    /^providers\[0\]\.models\[1\]\.id: is the same as/,
  ],
  [
    "a header of the gateway's",
    "providers: [{ id: lab, baseUrl: http://a/v1, headers: { Authorization: x } }]",
    /headers: holds a header/,
  ],
  [
    "a logical model to no provider",
    `${LAB}logicalModels: { m: [{ to: lap/big }] }`,
    /^logicalModels\.m\[0\]\.to: .*did you mean lab\?/,
  ],
  [
    "a logical model to no model",
    `${LAB}logicalModels: { m: [{ to: lab/bag }] }`,
    /^logicalModels\.m\[0\]\.to: .*did you mean big\?/,
  ],
  [
    "a logical model to a bare name",
    `${LAB}logicalModels: { m: [{ to: big }] }`,
    /to: is not a deployment/,
  ],
  [
    "weights that are all zero",
    `${LAB}logicalModels: { m: [{ to: lab/big, weight: 0 }] }`,
    /^logicalModels\.m: .*weight above 0/,
  ],
  [
    "a logical model called auto",
    `${LAB}logicalModels: { auto: [{ to: lab/big }] }`,
    /^logicalModels\.auto: is reserved/,
  ],
  [
    "a logical model that hides another",
    `${LAB}logicalModels: { lab/x: [{ to: lab/big }] }`,
    /^logicalModels\["lab\/x"\]: would hide/,
  ],
  [
    "an unknown default profile",
    "defaultProfile: AGNT",
    /^defaultProfile: is not a profile; there are AGENT, BATCH/,
  ],
  [
    "an unknown savings model",
    `${LAB}receipts: { defaultModel: lab/x }`,
    /^receipts\.defaultModel: names no model/,
  ],
  [
    "listening to all without a key",
    "listen: { host: 0.0.0.0 }",
    /^listen\.host: is beyond loopback/,
  ],
  [
    "a key without a pepper",
    `keys: [{ id: a, tenant: t, hash: ${HASH} }]`,
    /^keyPepper: is missing/,
  ],
  [
    "a malformed key hash",
    "keys: [{ id: a, tenant: t, hash: 12ab }]\nkeyPepper: { file: pepper }",
    /^keys\[0\]\.hash: expected the 64/,
  ],
  [
    "a key twice",
    `keyPepper: { file: pepper }\nkeys: [{ id: a, tenant: t, hash: ${HASH} }, { id: b, tenant: t, hash: ${HASH} }]`,
    /^keys\[1\]\.hash: is the same as keys\[0\]\.hash/,
  ],
  [
    "a pepper that is not there",
    "keyPepper: { file: nowhere }",
    /^keyPepper\.file: cannot be read \(ENOENT\)/,
  ],
  [
    "a pepper that is too short",
    "keyPepper: { file: short }",
    /^keyPepper\.file: holds less than 32/,
  ],
  [
    "a certificate that is not there",
    "listen: { tls: { cert: a, key: pepper } }",
    /^listen\.tls\.cert: cannot be read/,
  ],
  [
    "a profile folder that is not there",
    "profiles: nowhere",
    /^profiles: the folder .* cannot be read/,
  ],
  ["a list where names are expected", "- a", /expected names with values/],
  ["broken YAML", "listen: { port: 1", /fairlead\.yaml: is not valid YAML at line 1/],
  [
    "a name given twice",
    "store: memory\nstore: memory",
    /is not valid YAML at line 2.*duplicate key/,
  ],
];

describe("a configuration is refused with the path and the way out for", () => {
  for (const [what, text, expected] of CASES) {
    it(what, (t) => {
      const files = { pepper: PEPPER, short: "short" };
      const lines = faultLines(load(t, text, { environment: { EMPTY: "" }, files }));
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(lines[0] ?? "", expected);
    });
  }
});

describe("a refused configuration", () => {
  it("names every fault at once, those between its parts included", (t) => {
    const text = `
listen: { port: 99999999, host: 0.0.0.0 }
defaultProfile: NONE
providers:
  - { id: lab, baseUrl: nonsense, models: [{ id: m, price: { input: -1, output: 1 } }, { id: m }] }
  - { id: lab, baseUrl: "\${MISSING}" }
logicalModels: { l: [{ to: lab/zzz }], w: [{ to: lab/m, weight: 0 }] }
tiemouts: {}
`;
    const paths = faultLines(load(t, text)).map((line) => line.slice(0, line.indexOf(":")));
    assert.deepEqual(paths.toSorted(), [
      "defaultProfile",
      "listen.host",
      "listen.port",
      "logicalModels.l[0].to",
      "logicalModels.w",
      "providers[0].baseUrl",
      "providers[0].models[0].price.input",
      "providers[0].models[1].id",
      "providers[1].baseUrl",
      "providers[1].id",
      "tiemouts",
    ]);
  });

  it("does not blame a reference for a provider whose own name is broken", (t) => {
    const text =
      'providers: [{ id: "la b", baseUrl: http://a/v1 }, { id: 5 }]\nlogicalModels: { l: [{ to: x/y }] }';
    const lines = faultLines(load(t, text));
    assert.ok(!lines.some((line) => line.startsWith("logicalModels")), lines.join("\n"));
  });

  it("names the variable of a key that cannot be sent", (t) => {
    const environment = { GROQ_API_KEY: "two words" };
    const result = loadConfig({ file: null, environment, workingDirectory: makeFolder(t) });
    assert.match(faultLines(result)[0] ?? "", /^GROQ_API_KEY: expected one key/);
  });

  it("names a file that cannot be read", (t) => {
    const folder = makeFolder(t);
    const result = loadConfig({ file: "no.yaml", environment: {}, workingDirectory: folder });
    assert.deepEqual(faultLines(result), [`${join(folder, "no.yaml")}: cannot be read (ENOENT)`]);
  });

  it("is told apart from one that unfolds without end", (t) => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 9; level += 1) {
      lines.push(
        `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(", ")}]`,
      );
    }
    assert.match(faultLines(load(t, lines.join("\n")))[0] ?? "", /cannot be unfolded/);
  });

  it("may nest deeper than any stack without harm", (t) => {
    assert.ok(faultLines(load(t, `limits: ${"[".repeat(20_000)}`)).length > 0);
  });
});

describe("an open gateway", () => {
  const keys = `keys: [{ id: a, tenant: t, hash: ${HASH}, profile: batch }]\nlisten: { host: "::" }`;

  it("may listen beyond loopback once a key is configured", (t) => {
    const environment = { FAIRLEAD_KEY_PEPPER: PEPPER };
    const config = loaded(load(t, keys, { environment }));
    assert.equal(config.keyPepper, PEPPER);
    assert.deepEqual(config.keys, [
      { id: "a", tenant: "t", role: "user", hash: HASH, profile: "BATCH", divergence: null },
    ]);
  });

  it("refuses a pepper from the environment that is too short", (t) => {
    const lines = faultLines(load(t, keys, { environment: { FAIRLEAD_KEY_PEPPER: "short" } }));
    assert.deepEqual(lines, ["FAIRLEAD_KEY_PEPPER: holds less than 32 characters"]);
  });

  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"]) {
    it(`is none when it listens on ${host}`, (t) => {
      loaded(load(t, `listen: { host: "${host}" }`));
    });
  }
});
