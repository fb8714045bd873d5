// Goal: AWS takes what is signed here. Method: the signatures of its published test suite, and a second implementation
// over random requests.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AwsAccess } from "../../src/upstream/signing/access.ts";
import { createSigV4Signer } from "../../src/upstream/signing/sigv4.ts";
import { checkSignature } from "./signing-check.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const ACCESS: AwsAccess = {
  kind: "aws",
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: SECRET,
  sessionToken: null,
  region: "us-east-1",
  service: "service",
};
const AT = Date.UTC(2015, 7, 30, 12, 36, 0);

test("signatures are those of AWS's own examples", async () => {
  const signer = createSigV4Signer(ACCESS, () => AT);
  const about = { url: "https://example.amazonaws.com/", headers: {}, body: null };
  const signatureOf = async (method: "GET" | "POST"): Promise<string | undefined> =>
    (await signer.sign({ method, ...about }))["authorization"]?.split("Signature=")[1];
  assert.equal(
    await signatureOf("GET"),
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  );
  assert.equal(
    await signatureOf("POST"),
    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
  );
});

test("any path, query and body is signed as it is sent", async () => {
  const signer = createSigV4Signer(
    { ...ACCESS, sessionToken: "the-session", region: "eu-central-1", service: "bedrock" },
    () => AT,
  );
  const name = fc.string({ minLength: 1, maxLength: 20 }).map(encodeURIComponent);
  const query = fc.constantFrom("", "?beta=true", "?a=1&b=2", "?b=2&a=%20");
  const body = fc.oneof(
    fc.string(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );
  await fc.assert(
    fc.asyncProperty(name, query, body, async (model, search, sent) => {
      const { pathname } = new URL(`https://host:8443/model/${model}/converse`);
      const path = pathname + search;
      const url = `https://host:8443${path}`;
      const own = { "x-amz-meta": "mine", "x-other": "not signed" };
      const signed = await signer.sign({ method: "POST", url, headers: own, body: sent });
      const headers = { ...own, ...signed, host: "host:8443" };
      const request = { method: "POST", path, headers, raw: Buffer.from(sent) };
      const { region, service, signedHeaders } = checkSignature(request, SECRET);
      assert.deepEqual([region, service], ["eu-central-1", "bedrock"]);
      assert.deepEqual(signedHeaders, ["host", "x-amz-date", "x-amz-meta", "x-amz-security-token"]);
      assert.equal(signed["x-amz-security-token"], "the-session");
    }),
    { numRuns: 60 },
  );
});

test("a signature is of its moment, and large bodies are signed where they lie", async () => {
  let at = AT;
  const signer = createSigV4Signer(ACCESS, () => at);
  const whole = Buffer.alloc(1_000_000, "a");
  const part = whole.subarray(10, 500_000);
  const url = "https://host/";
  const first = await signer.sign({ method: "POST", url, headers: {}, body: part });
  at += 86_400_000;
  const second = await signer.sign({ method: "POST", url, headers: {}, body: part });
  assert.notEqual(first["authorization"], second["authorization"]);
  for (const signed of [first, second]) {
    const request = { method: "POST", path: "/", headers: { ...signed, host: "host" }, raw: part };
    checkSignature(request, SECRET);
    assert.throws(() => checkSignature({ ...request, raw: whole }, SECRET), /wrong signature/);
  }
});
