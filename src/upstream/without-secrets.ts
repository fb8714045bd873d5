// Keeps the operator's secrets out of the answers that are relayed as they came.
// Must never log, keep or return a secret.

import type { AttemptResult } from "./attempt.ts";
import type { Route } from "./transport.ts";

/** A header value below this many characters is no secret, and would be found in any text. */
const SECRET_LENGTH_MIN = 8;

/** Some providers quote the key that they refuse: such an answer is told in our own words. */
export function withoutSecrets(result: AttemptResult, route: Route): AttemptResult {
  const { provider, signer } = route;
  if (result.kind !== "failed" || result.failure.relay === null) return result;
  // The operator's headers can hold a secret too, often behind a word: `Basic …`.
  const values = Object.values(provider.headers).flatMap((value) => [value, ...value.split(" ")]);
  const secrets = values.filter((value) => value.length >= SECRET_LENGTH_MIN);
  const hidden = [...provider.keys, ...secrets, ...(signer?.secrets() ?? [])];
  if (!quotesSecret(result.failure.relay.body, hidden)) return result;
  return { ...result, failure: { ...result.failure, relay: null } };
}

/** A character that JSON lets a server write in another way. Secrets are printable ASCII. */
const ESCAPED = /\\(?:u00([0-7][0-9a-f])|(["\\/]))/gi;

/** Whether one of the secrets stands in the body, however its characters are escaped there. */
export function quotesSecret(body: Buffer, secrets: readonly string[]): boolean {
  const text = body.toString("utf8");
  const plain = text.replace(ESCAPED, (_all, code?: string, character?: string) =>
    code === undefined ? (character ?? "") : String.fromCharCode(Number.parseInt(code, 16)),
  );
  return secrets.some((secret) => text.includes(secret) || plain.includes(secret));
}
