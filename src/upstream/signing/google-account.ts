// Reads the key file of a service account. Pure. Must never tell what stands in it, only what is wrong with it.

import { createPrivateKey } from "node:crypto";
import { z } from "zod";
import { checkBaseUrl } from "../address-guard.ts";
import { parseObject } from "../json-object.ts";
import type { GoogleAccount } from "./access.ts";

const TOKEN_URL = "https://oauth2.googleapis.com/token";

const keyFile = z.object({
  type: z.literal("service_account"),
  client_email: z.string().regex(/^[\x21-\x7e]{3,320}$/),
  private_key: z.string().max(16_384).refine(isRsaKey),
  private_key_id: z.string().max(256).optional(),
  project_id: z
    .string()
    .regex(/^[a-z0-9.:-]{1,128}$/)
    .optional(),
  token_uri: z
    .string()
    .refine((url) => checkBaseUrl(url) === null)
    .default(TOKEN_URL),
});

/** Null: the text is not the key file of a service account. */
export function readGoogleAccount(text: string): GoogleAccount | null {
  const parsed = keyFile.safeParse(parseObject(text));
  if (!parsed.success) return null;
  const { client_email, private_key, private_key_id, project_id, token_uri } = parsed.data;
  return {
    clientEmail: client_email,
    privateKey: private_key,
    privateKeyId: private_key_id ?? null,
    projectId: project_id ?? null,
    tokenUrl: token_uri,
  };
}

/** What is wrong with the text; null: nothing. */
export function faultOfGoogleAccount(text: string): string | null {
  const parsed = keyFile.safeParse(parseObject(text));
  if (parsed.success) return null;
  const [issue] = parsed.error.issues;
  const field = issue?.path[0];
  if (field === undefined) return "is not the JSON key file of a service account";
  if (field === "type") {
    return "is no service account's key file (its `type` is another one): others cannot be used yet";
  }
  return `is not a usable key file: \`${String(field)}\` is missing or wrong`;
}

function isRsaKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === "rsa";
  } catch {
    return false;
  }
}
