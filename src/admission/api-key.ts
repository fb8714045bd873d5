// The gateway's own API keys: minting, hashing, and telling who calls.
// Must never keep, log or compare a key itself: only its digest under the pepper leaves this file.

import { createHmac, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import type { DivergenceMode } from "../turn/profile.ts";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** Entropy of a key, in bytes: 200 bits, above the 192 that are asked for. */
const SECRET_BYTES = 25;
/** 62^34 > 2^200: the secret always fits. */
const SECRET_LENGTH = 34;
/** 62^6 > 2^32: the CRC-32 always fits. */
const CHECKSUM_LENGTH = 6;
/** Longest key that is looked at at all, in characters. */
const PRESENTED_LENGTH_MAX = 512;
const MINTED = /^llm_gw_(?:prod|dev)_/;

/** Who calls. Everything that is kept apart is kept apart by `tenant`. */
export interface Caller {
  /** Id of the key. */
  readonly id: string;
  readonly tenant: string;
  readonly role: "user" | "admin";
  /** Profile of requests that name none, upper case; null: the gateway's default. */
  readonly profile: string | null;
  /** Highest divergence mode for this caller; null: the gateway's. */
  readonly divergence: DivergenceMode | null;
}

/** A configured key: its caller and its digest. */
export interface KeyEntry extends Caller {
  /** As hashApiKey gives it. */
  readonly hash: string;
}

export type Identified =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly code: "missing_api_key" | "invalid_api_key" };

export interface Keyring {
  /** Tells who presented this key. Never throws. */
  identify(presented: string | null): Identified;
}

/** Everybody, where no key is configured: such a gateway listens on loopback only. */
const LOCAL_CALLER: Caller = {
  id: "local",
  tenant: "local",
  role: "admin",
  profile: null,
  divergence: null,
};

/**
 * A new key: `llm_gw_prod_` or `llm_gw_dev_`, 34 characters of secret, 6 of checksum.
 * `random` gives that many unpredictable bytes.
 */
export function mintApiKey(options: {
  readonly environment: "prod" | "dev";
  readonly random: (byteCount: number) => Uint8Array;
}): string {
  const secret = options.random(SECRET_BYTES);
  if (secret.length !== SECRET_BYTES) {
    throw new Error(`random gave ${secret.length} bytes instead of ${SECRET_BYTES}`);
  }
  const value = BigInt(`0x${Buffer.from(secret).toString("hex")}`);
  const body = `llm_gw_${options.environment}_${inBase62(value, SECRET_LENGTH)}`;
  return body + checksum(body);
}

/** False for a key of ours that was mistyped or cut. The form of others is not ours to judge. */
export function hasSoundForm(key: string): boolean {
  if (!MINTED.test(key)) {
    return true;
  }
  const body = key.slice(0, -CHECKSUM_LENGTH);
  return key.slice(-CHECKSUM_LENGTH) === checksum(body);
}

/** HMAC-SHA-256 of the key under the pepper, as 64 lower-case hexadecimal digits. */
export function hashApiKey(key: string, pepper: string): string {
  return createHmac("sha256", pepper).update(key).digest("hex");
}

/** Throws an Error when there are keys and no pepper: nobody could ever be identified. */
export function createKeyring(options: {
  readonly keys: readonly KeyEntry[];
  readonly pepper: string | null;
}): Keyring {
  const { keys, pepper } = options;
  if (keys.length === 0) {
    return { identify: () => ({ ok: true, caller: LOCAL_CALLER }) };
  }
  if (pepper === null || pepper === "") {
    throw new Error("API keys are configured, but there is no pepper to check them with");
  }
  const byHash = new Map(keys.map((key) => [key.hash, { digest: digestOf(key.hash), key }]));
  return {
    identify(presented) {
      if (presented === null || presented === "") {
        return { ok: false, code: "missing_api_key" };
      }
      // The length first: hashing is work, and a stranger chooses how much.
      if (presented.length > PRESENTED_LENGTH_MAX || !hasSoundForm(presented)) {
        return { ok: false, code: "invalid_api_key" };
      }
      const hash = hashApiKey(presented, pepper);
      const found = byHash.get(hash);
      if (found === undefined || !timingSafeEqual(found.digest, digestOf(hash))) {
        return { ok: false, code: "invalid_api_key" };
      }
      return { ok: true, caller: callerOf(found.key) };
    },
  };
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The key a request presents: `Authorization: Bearer`, else `x-api-key`, else `x-goog-api-key`.
 * Names must be lower case, as Node gives them. Null when there is none.
 */
export function readPresentedKey(headers: Headers): string | null {
  const authorization = single(headers["authorization"]);
  const bearer = /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
  return bearer ?? single(headers["x-api-key"]) ?? single(headers["x-goog-api-key"]);
}

function single(value: string | readonly string[] | undefined): string | null {
  const first = typeof value === "string" ? value : value?.[0];
  const trimmed = first?.trim() ?? "";
  return trimmed === "" ? null : trimmed;
}

function callerOf({ id, tenant, role, profile, divergence }: KeyEntry): Caller {
  return { id, tenant, role, profile, divergence };
}

function digestOf(hash: string): Buffer {
  return Buffer.from(hash, "hex");
}

function checksum(body: string): string {
  return inBase62(BigInt(crc32(body)), CHECKSUM_LENGTH);
}

function inBase62(value: bigint, length: number): string {
  const base = BigInt(BASE62.length);
  let rest = value;
  let text = "";
  for (let position = 0; position < length; position += 1) {
    text = BASE62.charAt(Number(rest % base)) + text;
    rest /= base;
  }
  return text;
}
