// Access tokens of a Google Cloud service account: its signature is exchanged for a token, which serves until shortly
// before its end. Must never ask twice at the same time, keep a token behind its end, or tell what an answer said.

import { createSign } from "node:crypto";
import { makeFault } from "../../turn/fault.ts";
import { parseObject } from "../json-object.ts";
import type { GoogleAccount } from "./access.ts";
import { AccessError, type Signer } from "./signer.ts";
import type { PostForm } from "./token-exchange.ts";

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** How long a signature may be exchanged, in seconds: the longest the platform takes. */
const ASSERTION_SECONDS = 3_600;
/** How long before its end a token is not used any more, in milliseconds: an answer may take a while to begin. */
const MARGIN_MS = 120_000;
/** A token that lives shorter than two margins serves for half its life. */
const SHARE_OF_SHORT_LIFE = 0.5;
/** Longest life of a token that is believed, in seconds. */
const LIFE_SECONDS_MAX = 43_200;
const LIFE_SECONDS_DEFAULT = 3_600;
/** Statuses by which the platform refuses an account, rather than being in trouble itself. */
const REFUSED_STATUSES: ReadonlySet<number> = new Set([400, 401, 403]);
/** The platform's words for why; anything else is not repeated. */
/** Shorter lines of a key file could stand in any text. */
const LINE_LENGTH_MIN = 32;
const REASON = /^[a-z_]{1,40}$/;
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

export interface GoogleTokenOptions {
  readonly account: GoogleAccount;
  readonly post: PostForm;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds that never jump. */
  readonly monotonicMs: () => number;
}

/** One of the clocks may have been set anew, the other may have stood still with a sleeping machine: both count. */
interface Token {
  readonly value: string;
  readonly usableUntil: { readonly at: number; readonly monotonicMs: number };
}

export function createGoogleSigner(options: GoogleTokenOptions): Signer {
  const { account, post, now, monotonicMs } = options;
  let token: Token | null = null;
  let underWay: Promise<Token> | null = null;
  const renew = (): Promise<Token> => {
    underWay ??= requestToken(options)
      .then((fresh) => (token = fresh))
      .finally(() => {
        underWay = null;
      });
    return underWay;
  };
  const keyLines = account.privateKey
    .split(/\s+/)
    .filter(({ length }) => length >= LINE_LENGTH_MIN);
  const isUsable = ({ usableUntil: until }: Token): boolean =>
    now() < until.at && monotonicMs() < until.monotonicMs;
  return {
    async sign() {
      const usable = token !== null && isUsable(token) ? token : await renew();
      return { authorization: `Bearer ${usable.value}` };
    },
    forget() {
      token = null;
    },
    secrets: () => [...keyLines, ...(token === null ? [] : [token.value])],
    close: () => post.close(),
  };
}

async function requestToken(options: GoogleTokenOptions): Promise<Token> {
  const { account, post } = options;
  const asked = { at: options.now(), monotonicMs: options.monotonicMs() };
  const assertion = assertionOf(account, Math.floor(asked.at / 1_000));
  const answer = await post({ grant_type: GRANT_TYPE, assertion });
  const body = answer === null ? null : parseObject(answer.body);
  if (answer === null || (answer.status !== 200 && !REFUSED_STATUSES.has(answer.status))) {
    throw unreachable();
  }
  if (answer.status !== 200) throw refused(body?.["error"]);
  const value = body?.["access_token"];
  if (typeof value !== "string" || !TOKEN.test(value)) throw unreachable();
  const lifeMs = 1_000 * lifeSeconds(body?.["expires_in"]);
  const usableMs = Math.max(lifeMs - MARGIN_MS, lifeMs * SHARE_OF_SHORT_LIFE);
  const usableUntil = { at: asked.at + usableMs, monotonicMs: asked.monotonicMs + usableMs };
  return { value, usableUntil };
}

function lifeSeconds(told: unknown): number {
  if (typeof told !== "number" || !(told > 0)) return LIFE_SECONDS_DEFAULT;
  return Math.min(told, LIFE_SECONDS_MAX);
}

/** The account's own signature over who it is and what it asks for. */
function assertionOf(account: GoogleAccount, nowSeconds: number): string {
  const { clientEmail, privateKey, privateKeyId, tokenUrl } = account;
  const header = {
    alg: "RS256",
    typ: "JWT",
    ...(privateKeyId === null ? {} : { kid: privateKeyId }),
  };
  const claims = {
    iss: clientEmail,
    scope: SCOPE,
    aud: tokenUrl,
    iat: nowSeconds,
    exp: nowSeconds + ASSERTION_SECONDS,
  };
  const signed = [header, claims].map((part) => encode(JSON.stringify(part))).join(".");
  const signature = createSign("RSA-SHA256").update(signed).sign(privateKey, "base64url");
  return `${signed}.${signature}`;
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}

function refused(reason: unknown): AccessError {
  const told = typeof reason === "string" && REASON.test(reason) ? ` (${reason})` : "";
  const message = `The platform refused the gateway's service account${told}. The operator has to check it.`;
  const fault = makeFault("upstream_rejected_key", message);
  return new AccessError({
    fault,
    scope: "key",
    retryAfterMs: null,
    quarantine: true,
    relay: null,
  });
}

function unreachable(): AccessError {
  const message =
    "The platform gives no access token for the gateway's account. Try again shortly.";
  const fault = makeFault("upstream_unavailable", message, { retryAfterSeconds: 1 });
  return new AccessError({
    fault,
    scope: "deployment",
    retryAfterMs: null,
    quarantine: false,
    relay: null,
  });
}
