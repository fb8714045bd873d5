// API keys: what a minted key is, who is let in, and that nothing else is.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  createKeyring,
  hashApiKey,
  hasSoundForm,
  type KeyEntry,
  mintApiKey,
  readPresentedKey,
} from "../../src/admission/api-key.ts";

const PEPPER = "0123456789abcdef0123456789abcdef";
const bytes = fc.uint8Array({ minLength: 25, maxLength: 25 });
const environments = fc.constantFrom("prod" as const, "dev" as const);

function entry(id: string, key: string): KeyEntry {
  return {
    id,
    tenant: `tenant-of-${id}`,
    role: "user",
    profile: null,
    divergence: null,
    hash: hashApiKey(key, PEPPER),
  };
}

describe("a minted key", () => {
  it("has its environment in front and 192 or more bits of what random gave", () => {
    fc.assert(
      fc.property(bytes, bytes, environments, (one, other, environment) => {
        const key = mintApiKey({ environment, random: () => one });
        assert.match(key, new RegExp(`^llm_gw_${environment}_[0-9A-Za-z]{40}$`));
        const same = Buffer.from(one).equals(Buffer.from(other));
        assert.equal(key === mintApiKey({ environment, random: () => other }), same);
      }),
    );
  });

  it("asks random for 25 bytes and refuses less", () => {
    const asked: number[] = [];
    const random = (byteCount: number) => {
      asked.push(byteCount);
      return new Uint8Array(8);
    };
    assert.throws(() => mintApiKey({ environment: "dev", random }), /8 bytes instead of 25/);
    assert.deepEqual(asked, [25]);
  });

  it("tells one wrong character by itself, and says nothing of keys from elsewhere", () => {
    const place = fc.integer({ min: 12, max: 50 });
    fc.assert(
      fc.property(bytes, place, fc.constantFrom(..."09AZaz"), (secret, at, letter) => {
        const key = mintApiKey({ environment: "prod", random: () => secret });
        assert.ok(hasSoundForm(key));
        const mistyped = key.slice(0, at) + letter + key.slice(at + 1);
        assert.equal(hasSoundForm(mistyped), mistyped === key);
      }),
    );
    assert.ok(!hasSoundForm("llm_gw_prod_"));
    assert.ok(hasSoundForm("sk-anything"));
  });

  it("is hashed as HMAC-SHA-256 under the pepper", () => {
    const expected = createHmac("sha256", PEPPER).update("a key").digest("hex");
    assert.equal(hashApiKey("a key", PEPPER), expected);
    assert.notEqual(hashApiKey("a key", `${PEPPER}x`), expected);
  });
});

describe("a keyring", () => {
  const first = mintApiKey({
    environment: "prod",
    random: (count) => new Uint8Array(count).fill(1),
  });
  const second = mintApiKey({
    environment: "dev",
    random: (count) => new Uint8Array(count).fill(2),
  });
  const keyring = createKeyring({ keys: [entry("a", first), entry("b", second)], pepper: PEPPER });

  it("tells each caller by its key, without the hash", () => {
    assert.deepEqual(keyring.identify(second), {
      ok: true,
      caller: { id: "b", tenant: "tenant-of-b", role: "user", profile: null, divergence: null },
    });
  });

  it("tells a missing key from a wrong one", () => {
    assert.deepEqual(keyring.identify(null), { ok: false, code: "missing_api_key" });
    assert.deepEqual(keyring.identify(""), { ok: false, code: "missing_api_key" });
    assert.deepEqual(keyring.identify(`${first}x`), { ok: false, code: "invalid_api_key" });
    assert.deepEqual(keyring.identify(hashApiKey(first, PEPPER)), {
      ok: false,
      code: "invalid_api_key",
    });
  });

  it("lets in nothing but its keys, however long or strange", () => {
    const strange = fc.oneof(
      fc.string({ maxLength: 2_000 }),
      fc.constant("x".repeat(10_000_000)),
      fc.constantFrom("__proto__", "constructor", "toString"),
    );
    fc.assert(fc.property(strange, (presented) => !keyring.identify(presented).ok));
  });

  it("tells a mistyped key by its checksum, before any hash is looked up", () => {
    const mistyped = `${first.slice(0, -1)}!`;
    const other = createKeyring({ keys: [entry("a", mistyped)], pepper: PEPPER });
    assert.ok(!other.identify(mistyped).ok);
  });

  it("knows keys that were not minted here, too, up to 512 characters", () => {
    const [short, long] = ["k".repeat(512), "k".repeat(513)];
    const other = createKeyring({ keys: [entry("s", short), entry("l", long)], pepper: PEPPER });
    assert.ok(other.identify(short).ok);
    assert.ok(!other.identify(long).ok);
  });

  it("takes everybody for the local administrator when no key is configured", () => {
    const open = createKeyring({ keys: [], pepper: null });
    for (const presented of [null, "anything"]) {
      const identified = open.identify(presented);
      assert.ok(identified.ok);
      const { id, tenant, role } = identified.caller;
      assert.deepEqual({ id, tenant, role }, { id: "local", tenant: "local", role: "admin" });
    }
  });

  it("is not made of keys without a pepper", () => {
    assert.throws(() => createKeyring({ keys: [entry("a", first)], pepper: null }), /no pepper/);
  });
});

describe("the key of a request", () => {
  const cases: readonly (readonly [string, Record<string, string | string[]>, string | null])[] = [
    ["is the bearer token", { authorization: "Bearer abc" }, "abc"],
    ["is read whatever the case of the scheme", { authorization: "bEARER   abc  " }, "abc"],
    ["comes from Authorization first", { authorization: "Bearer a", "x-api-key": "b" }, "a"],
    ["comes from x-api-key", { "x-api-key": " b ", "x-goog-api-key": "c" }, "b"],
    ["comes from x-goog-api-key", { "x-goog-api-key": "c" }, "c"],
    ["passes over another scheme", { authorization: "Basic abc", "x-api-key": "b" }, "b"],
    ["passes over an empty header", { authorization: "Bearer ", "x-api-key": "" }, null],
    ["is none without such a header", { "x-other": "d" }, null],
    ["is the first of several", { "x-api-key": ["b", "c"] }, "b"],
  ];
  for (const [title, headers, expected] of cases) {
    it(title, () => {
      assert.equal(readPresentedKey(headers), expected);
    });
  }
});
