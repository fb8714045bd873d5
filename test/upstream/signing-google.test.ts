// Goal: a service account gets a token when one is needed, one at a time, and a refusal says whose fault it is. Method:
// a token source with scripted answers and clocks, and a scripted server for the exchange itself.

import assert from "node:assert/strict";
import { createVerify, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import {
  faultOfGoogleAccount,
  readGoogleAccount,
} from "../../src/upstream/signing/google-account.ts";
import { createGoogleSigner } from "../../src/upstream/signing/google-token.ts";
import { AccessError } from "../../src/upstream/signing/signer.ts";
import { createPostForm, type FormAnswer } from "../../src/upstream/signing/token-exchange.ts";
import { startUpstream, type Scripted } from "../support/upstream.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const PEM = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const KEY_FILE = {
  type: "service_account",
  project_id: "my-project",
  private_key_id: "key-1",
  private_key: PEM,
  client_email: "gateway@my-project.iam.gserviceaccount.com",
  token_uri: "https://oauth2.googleapis.com/token",
};
const REQUEST = { method: "POST", url: "https://host/", headers: {}, body: null } as const;
const HOUR_MS = 3_600_000;

function startSource(answer: (count: number) => FormAnswer | null | Promise<FormAnswer | null>) {
  const account = readGoogleAccount(JSON.stringify(KEY_FILE));
  assert.ok(account);
  const clock = { at: Date.UTC(2026, 10, 21), monotonicMs: 1_000 };
  const asked: Readonly<Record<string, string>>[] = [];
  const post = Object.assign(
    async (fields: Readonly<Record<string, string>>) => answer(asked.push(fields)),
    { close: () => Promise.resolve() },
  );
  const signer = createGoogleSigner({
    account,
    post,
    now: () => clock.at,
    monotonicMs: () => clock.monotonicMs,
  });
  const token = async (): Promise<string | undefined> =>
    (await signer.sign(REQUEST))["authorization"]?.replace("Bearer ", "");
  const pass = (milliseconds: number): void => {
    clock.at += milliseconds;
    clock.monotonicMs += milliseconds;
  };
  return { signer, asked, clock, token, pass };
}

const granted = (value: string, seconds = 3_600): FormAnswer => ({
  status: 200,
  body: JSON.stringify({ access_token: value, expires_in: seconds, token_type: "Bearer" }),
});

async function refusalOf(asked: Promise<unknown>): Promise<AccessError["failure"]> {
  const error = await asked.then(
    () => assert.fail("a token, where a refusal was expected"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof AccessError);
  assert.doesNotMatch(JSON.stringify(error.failure), /PRIVATE KEY|secret/);
  return error.failure;
}

test("the account signs who it is and what it asks for", async () => {
  const { token, asked, clock } = startSource(() => granted("t1"));
  assert.equal(await token(), "t1");
  assert.equal(asked[0]?.["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
  const [header = "", claims = "", signature = ""] = asked[0]?.["assertion"]?.split(".") ?? [];
  const verified = createVerify("RSA-SHA256")
    .update(`${header}.${claims}`)
    .verify(publicKey, signature, "base64url");
  assert.ok(verified);
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString());
  assert.deepEqual(read(header), { alg: "RS256", typ: "JWT", kid: "key-1" });
  assert.deepEqual(read(claims), {
    iss: KEY_FILE.client_email,
    scope: "https://www.googleapis.com/auth/cloud-platform",
    aud: KEY_FILE.token_uri,
    iat: clock.at / 1_000,
    exp: clock.at / 1_000 + 3_600,
  });
});

test("a token serves until shortly before its end, by whichever clock that comes first", async () => {
  const { token, pass, clock } = startSource((count) => granted(`t${count}`));
  assert.equal(await token(), "t1");
  pass(HOUR_MS - 121_000);
  assert.equal(await token(), "t1");
  pass(2_000);
  assert.equal(await token(), "t2");
  // A machine that slept: only one clock went on.
  clock.at += HOUR_MS;
  assert.equal(await token(), "t3");
  // A clock that was set back must not keep a token alive.
  clock.at -= HOUR_MS;
  clock.monotonicMs += HOUR_MS;
  assert.equal(await token(), "t4");
});

test("a token of a short life serves for half of it", async () => {
  const { token, pass } = startSource((count) => granted(`t${count}`, 100));
  assert.equal(await token(), "t1");
  pass(49_000);
  assert.equal(await token(), "t1");
  pass(2_000);
  assert.equal(await token(), "t2");
});

test("fifty turns at once ask for one token", async () => {
  const gate = Promise.withResolvers<FormAnswer>();
  const { token, asked } = startSource(() => gate.promise);
  const turns = Array.from({ length: 50 }, token);
  gate.resolve(granted("one"));
  assert.deepEqual(new Set(await Promise.all(turns)), new Set(["one"]));
  assert.equal(asked.length, 1);
});

test("a refused account is the operator's to mend, and is asked about again by the next turn", async () => {
  const refused = { status: 400, body: '{"error":"invalid_grant","error_description":"secret"}' };
  const { token } = startSource((count) => (count === 1 ? refused : granted("t2")));
  const failure = await refusalOf(token());
  assert.equal(failure.fault.code, "upstream_rejected_key");
  assert.match(failure.fault.message, /\(invalid_grant\)/);
  assert.deepEqual([failure.scope, failure.quarantine], ["key", true]);
  assert.equal(await token(), "t2");
});

test("trouble with tokens is not the account's fault, and all that waited are told", async () => {
  const troubles: readonly (FormAnswer | null)[] = [
    null,
    { status: 503, body: "" },
    { status: 302, body: "" },
    { status: 200, body: "not JSON" },
    { status: 200, body: '{"access_token":"with a\\nbreak"}' },
    { status: 200, body: "{}" },
  ];
  for (const trouble of troubles) {
    const { token, asked } = startSource(() => trouble);
    const failures = await Promise.all([refusalOf(token()), refusalOf(token())]);
    for (const { fault, scope, quarantine } of failures) {
      assert.equal(fault.code, "upstream_unavailable");
      assert.deepEqual([scope, quarantine, fault.retryable], ["deployment", false, true]);
    }
    assert.equal(asked.length, 1);
  }
});

test("a token that the platform does not take is not used again, and is among the secrets", async () => {
  const { token, signer } = startSource((count) => granted(`the-token-${count}`));
  assert.equal(await token(), "the-token-1");
  assert.ok(signer.secrets().includes("the-token-1"));
  assert.ok(signer.secrets().some((line) => PEM.includes(line) && line.length > 60));
  signer.forget();
  assert.equal(await token(), "the-token-2");
});

test("what is no key file of a service account is told by its field, and never quoted", () => {
  const fault = (change: object): string | null =>
    faultOfGoogleAccount(JSON.stringify({ ...KEY_FILE, ...change }));
  assert.equal(fault({}), null);
  assert.match(fault({ type: "authorized_user" }) ?? "", /no service account/);
  assert.match(fault({ private_key: "secret" }) ?? "", /`private_key`/);
  assert.match(fault({ token_uri: "http://169.254.169.254/token" }) ?? "", /`token_uri`/);
  assert.match(fault({ client_email: undefined }) ?? "", /`client_email`/);
  assert.match(faultOfGoogleAccount("secret") ?? "", /is not the JSON key file/);
  for (const change of [{ private_key: "secret" }, { project_id: "secret secret" }]) {
    assert.doesNotMatch(fault(change) ?? "", /secret/);
  }
});

test("the exchange is one form to one checked address, without redirects or endless answers", async (t) => {
  const server = await startUpstream();
  t.after(() => server.close());
  const url = `${server.url}/token`;
  const post = createPostForm({ url, allowPrivateAddress: true, connectMs: 1_000 });
  t.after(() => post.close());
  const ask = async (answer: Scripted): Promise<FormAnswer | null> => {
    server.respond(() => answer);
    return post({ assertion: "a+b/c=" });
  };
  assert.deepEqual(await ask({ json: { ok: true } }), { status: 200, body: '{"ok":true}' });
  const [sent] = server.requests;
  assert.equal(sent?.path, "/token");
  assert.equal(sent?.headers["content-type"], "application/x-www-form-urlencoded");
  assert.equal(sent?.raw.toString(), "assertion=a%2Bb%2Fc%3D");
  const moved = await ask({ status: 302, headers: { location: "/elsewhere" }, json: {} });
  assert.equal(moved?.status, 302);
  assert.equal(await ask({ rawChunks: ["x".repeat(70_000)] }), null);
  assert.equal(await ask({ refuse: true }), null);
  const asked = server.requests.length;
  const guarded = createPostForm({
    url: url.replace("127.0.0.1", "localhost"),
    allowPrivateAddress: false,
    connectMs: 1_000,
  });
  t.after(() => guarded.close());
  assert.equal(await guarded({}), null);
  assert.equal(server.requests.length, asked);
});
