// Secrets stay out of everything a person reads about a configuration.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { runCheckCommand } from "../src/check-command.ts";
import { load, makeFolder } from "./config-fixture.ts";

const SECRET = "s3cr3t-do-not-print";
const environment = { KEY: SECRET, FAIRLEAD_KEY_PEPPER: `${SECRET}-0123456789abcdef` };

/** A configuration with the secret in every place that may hold one. */
const SOUND = `
store: redis://user:${SECRET}@cache:6379/0
ledger: postgres://user:${SECRET}@db/ledger?password=${SECRET}
providers:
  - id: lab
    baseUrl: http://127.0.0.1:9000/v1
    keys: ["\${KEY}", ${SECRET}]
    headers: { x-tenant: "${SECRET}" }
    models: [{ id: big }]
keys: [{ id: ci, tenant: t, hash: ${"ab".repeat(32)} }]
`;

const BROKEN: readonly string[] = [
  `store: mongodb://user:${SECRET}@host`,
  `store: [${SECRET}]`,
  `keys: ${SECRET}`,
  `keys: [{ id: a, tenant: b, hash: ${SECRET} }]`,
  `keys: [{ id: "${SECRET} x", tenant: b, hash: c }]`,
  `providers: [{ id: lab, baseUrl: "http://user:${SECRET}@host/v1" }]`,
  `providers: [{ id: lab, baseUrl: "http://169.254.169.254/?k=${SECRET}" }]`,
  `providers: [{ id: lab, baseUrl: "${SECRET}" }]`,
  `providers: [{ id: lab, baseUrl: "http://a/v1", keys: ["${SECRET} x"] }]`,
  `providers: [{ id: lab, baseUrl: "http://a/v1", keys: { a: ${SECRET} } }]`,
  `providers: [{ id: lab, baseUrl: "http://a/v1", keys: ["\${KEY} \${NOPE}"] }]`,
  `providers: [{ id: lab, baseUrl: "http://a/v1", headers: { x: "${SECRET}\\n" } }]`,
  `providers: [{ id: lab, baseUrl: "http://a/v1", dialect: ${SECRET} }]`,
  `listen: { port: "${SECRET}" }`,
  `listen: { host: "${SECRET} \${KEY}" }`,
  `keyPepper: ${SECRET}`,
  `defaultProfile: "${SECRET}"`,
];

describe("a secret is in no message", () => {
  for (const text of BROKEN) {
    it(`about ${text.replaceAll(SECRET, "…").slice(0, 80)}`, (t) => {
      const result = load(t, text, { environment });
      assert.ok(!result.ok, "the configuration was accepted");
      assert.ok(!JSON.stringify(result.faults).includes(SECRET), JSON.stringify(result.faults));
    });
  }

  it("wherever the file is cut or has a character too many", (t) => {
    const damage = fc.record({
      at: fc.nat(SOUND.length),
      cut: fc.nat(3),
      put: fc.constantFrom("", "{", "]", '"', "'", ":", "\n", "- ", "&", "*", "!", "%", "\t", "@"),
    });
    fc.assert(
      fc.property(damage, ({ at, cut, put }) => {
        const text = SOUND.slice(0, at) + put + SOUND.slice(at + cut);
        const result = load(t, text, { environment });
        const told = result.ok ? result.notices : result.faults.map(({ message }) => message);
        // Half a secret is as bad: nothing of it may be there.
        assert.ok(!/s3cr|do-not-pri/.test(told.join("\n")), told.join("\n"));
      }),
      { numRuns: 150 },
    );
  });

  it("that fairlead check prints, as text or as JSON", async (t) => {
    const folder = makeFolder(t, { "fairlead.yaml": SOUND });
    for (const flags of [[], ["--json"]]) {
      let printed = "";
      const write = (text: string) => {
        printed += text;
      };
      const code = await runCheckCommand(["--config", "fairlead.yaml", ...flags], {
        out: write,
        error: write,
        environment,
        workingDirectory: folder,
        random: () => new Uint8Array(),
      });
      assert.equal(code, 0, printed);
      assert.ok(!printed.includes(SECRET), printed);
      assert.match(printed, /redis:\/\/cache:6379/);
    }
  });
});
