// Which addresses a provider may have, at start and at connect time.

import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  checkAddress,
  checkBaseUrl,
  guardedLookup,
  makeGuardedLookup,
} from "../../src/upstream/address-guard.ts";

const OPEN = { allowPrivateAddress: true };
const PUBLIC_ONLY = { allowPrivateAddress: false };

describe("a base URL is accepted", () => {
  for (const url of [
    "https://api.example.com/v1",
    "http://127.0.0.1:9000/v1",
    "http://localhost:11434/v1",
    "http://10.1.2.3/v1",
    "http://192.168.1.5:8000",
    "http://vllm:8000/v1",
    "http://[::1]:8000/v1",
    "http://[fd12::1]/v1",
    "https://169.253.255.255/v1",
  ]) {
    it(`as ${url}, because the operator wrote it`, () => {
      assert.equal(checkBaseUrl(url), null);
    });
  }
});

describe("a base URL is refused", () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ["not a url", /not a URL/],
    ["", /not a URL/],
    ["ftp://host/v1", /http/],
    ["file:///etc/passwd", /http/],
    ["javascript:alert(1)", /http/],
    ["https://user:password@host/v1", /credentials/],
    ["https://key@host/v1", /credentials/],
    ["https://host/v1?key=abc", /query/],
    ["https://host/v1#a", /fragment/],
    ["http://169.254.169.254/latest", /link-local/],
    ["http://2852039166/", /link-local/],
    ["http://0xa9fea9fe/", /link-local/],
    ["http://0xA9.0xFE.0xA9.0xFE/", /link-local/],
    ["http://0251.0376.0251.0376/", /link-local/],
    ["http://169.254.43518/", /link-local/],
    ["http://[::ffff:169.254.169.254]/", /link-local/],
    ["http://[::ffff:a9fe:a9fe]/", /link-local/],
    ["http://[::a9fe:a9fe]/", /link-local/],
    ["http://[64:ff9b::a9fe:a9fe]/", /link-local/],
    ["http://[2002:a9fe:a9fe::1]/", /link-local/],
    ["http://[fe80::1]/", /link-local/],
    ["http://[febf::1]/", /link-local/],
    ["http://[fd00:ec2::254]/", /metadata/],
    ["http://[fd00:0ec2:0:0::0254]/", /metadata/],
    ["http://100.100.100.200/", /metadata/],
    ["http://metadata.google.internal/v1", /metadata/],
    ["http://METADATA.google.internal./v1", /metadata/],
    ["http://metadata/", /metadata/],
    ["http://instance-data/", /metadata/],
    ["http://255.255.255.255/", /multicast/],
    ["http://１６９.254.169.254/", /link-local/],
  ];
  for (const [url, reason] of refused) {
    it(`as ${url}`, () => {
      const fault = checkBaseUrl(url);
      assert.match(fault ?? "accepted", reason);
      assert.ok(!fault?.includes("password"));
    });
  }

  it("in every spelling of a link-local address", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(octet, octet, (third, fourth) => {
        const value = 0xa9fe0000 + third * 256 + fourth;
        const hex = value.toString(16);
        const spellings = [
          `169.254.${third}.${fourth}`,
          String(value),
          `0x${hex}`,
          `0${value.toString(8)}`,
          `[::ffff:${hex.slice(0, 4)}:${hex.slice(4)}]`,
          `[64:ff9b::169.254.${third}.${fourth}]`,
        ];
        for (const host of spellings) {
          assert.match(checkBaseUrl(`http://${host}/v1`) ?? "accepted", /link-local/, host);
        }
      }),
    );
  });

  it("when it is private and only public addresses are allowed", () => {
    for (const host of ["127.0.0.1", "10.0.0.1", "172.31.0.1", "192.168.0.1", "0.0.0.0", "[::1]"]) {
      assert.match(checkBaseUrl(`http://${host}/`, PUBLIC_ONLY) ?? "accepted", /private/, host);
    }
    assert.match(checkBaseUrl("http://localhost/", PUBLIC_ONLY) ?? "accepted", /this machine/);
    assert.equal(checkBaseUrl("https://8.8.8.8/", PUBLIC_ONLY), null);
    assert.equal(checkBaseUrl("https://[2606:4700::1111]/", PUBLIC_ONLY), null);
  });
});

describe("an address at connect time", () => {
  it("is refused whatever name led to it", () => {
    assert.match(checkAddress("169.254.169.254", OPEN) ?? "accepted", /link-local/);
    assert.match(checkAddress("fe80::1%eth0", OPEN) ?? "accepted", /link-local/);
    assert.equal(checkAddress("127.0.0.1", OPEN), null);
    assert.match(checkAddress("::ffff:127.0.0.1", PUBLIC_ONLY) ?? "accepted", /private/);
  });

  const resolve = (lookup: typeof guardedLookup, host: string, all: boolean) =>
    new Promise<string | LookupAddress[]>((done, failed) => {
      lookup(host, { all, family: 4 }, (error, address) => {
        if (error === null) {
          done(address);
        } else {
          failed(error);
        }
      });
    });

  it("passes through in the form that was asked for", async () => {
    assert.equal(await resolve(guardedLookup, "localhost", false), "127.0.0.1");
    assert.deepEqual(await resolve(guardedLookup, "localhost", true), [
      { address: "127.0.0.1", family: 4 },
    ]);
  });

  it("is refused with an error of its own code", async () => {
    await assert.rejects(resolve(makeGuardedLookup(PUBLIC_ONLY), "localhost", true), {
      code: "EADDRREFUSED",
    });
    await assert.rejects(resolve(guardedLookup, "169.254.169.254", false), {
      code: "EADDRREFUSED",
    });
  });
});
