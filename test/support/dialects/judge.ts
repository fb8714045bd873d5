// What every request validator needs: faults of a shape in plain words, and the checks no dialect
// does without.
// Must never accept more than the public documentation does: a lenient judge proves nothing.

import { z } from "zod";

/** Header names in lower case, as Node gives them. */
export type WireHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Checks what the documentation says of a request; returns its faults in words, none if it is
 * right.
 */
export type RequestValidator = (
  path: string,
  headers: WireHeaders,
  body: unknown,
) => readonly string[];

export type Json = Readonly<Record<string, unknown>>;

/** Headers that are spoken between a client and the gateway and must stop there. */
const GATEWAY_ONLY = /^x-(?:router-|conversation-|routing-hints$|fallback-chain$|llm-gateway$)/;

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects of a list; whatever is no object is left out: the shape check reports it. */
export function objectsOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isJson) : [];
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** One line per fault: `messages[1].content: …`. */
export function shapeFaults(schema: z.ZodType, body: unknown): readonly string[] {
  const { error } = schema.safeParse(body);
  return error === undefined ? [] : error.issues.flatMap((issue) => wordsOf(issue, []));
}

function wordsOf(issue: z.core.$ZodIssue, before: readonly PropertyKey[]): readonly string[] {
  const path = [...before, ...issue.path];
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    // Of several shapes that all fail, the nearest one says best what is wrong.
    const [nearest] = [...issue.errors].sort((a, b) => distance(a) - distance(b));
    return (nearest ?? []).flatMap((inner) => wordsOf(inner, path));
  }
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `${placeOf(path)}unknown key "${key}"`);
  }
  return [`${placeOf(path)}${issue.message}`];
}

/** A wrong type at the top of a shape means that another shape was meant. */
function distance(issues: readonly z.core.$ZodIssue[]): number {
  const isOtherShape = issues.some(
    ({ code, path }) => code === "invalid_type" && path.length === 0,
  );
  return issues.length + (isOtherShape ? 1000 : 0);
}

function placeOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "";
  const [first, ...rest] = path;
  const tail = rest.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`));
  return `${String(first)}${tail.join("")}: `;
}

/** Of a list of [is it wrong?, words], the words of what is wrong. */
export function faultsWhere(
  ...checks: readonly (readonly [isWrong: boolean, words: string])[]
): readonly string[] {
  return checks.filter(([isWrong]) => isWrong).map(([, words]) => words);
}

export function headerOf(headers: WireHeaders, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : (value ?? []).join(", ");
}

/** JSON in, and nothing of what is between client and gateway alone. */
export function commonHeaderFaults(headers: WireHeaders): readonly string[] {
  const leaked = Object.keys(headers).filter((name) => GATEWAY_ONLY.test(name));
  const isJsonBody = headerOf(headers, "content-type").startsWith("application/json");
  return [
    ...leaked.map((name) => `header ${name}: belongs to the gateway and must not reach a provider`),
    ...faultsWhere([!isJsonBody, "header content-type: must be application/json"]),
  ];
}

export function hasBearer(headers: WireHeaders): boolean {
  return /^Bearer \S+$/.test(headerOf(headers, "authorization"));
}

const SIGNATURE_PREFIX = "scripted-signature:";

/** What the scripted upstream of this dialect signs its reasoning with. */
export function signatureOf(dialect: string, seed: string): string {
  return Buffer.from(`${SIGNATURE_PREFIX}${dialect}:${seed}`).toString("base64");
}

/**
 * True when another dialect's scripted upstream made this signature: a real provider could not
 * read it.
 */
export function isForeignSignature(signature: unknown, dialect: string): boolean {
  const decoded = Buffer.from(textOf(signature), "base64").toString();
  return (
    decoded.startsWith(SIGNATURE_PREFIX) && !decoded.startsWith(`${SIGNATURE_PREFIX}${dialect}:`)
  );
}

export const nonEmpty = z.string().min(1);
export const anyObject = z.record(z.string(), z.unknown());
export const count = z.int().min(0);
