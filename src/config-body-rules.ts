// What an operator may change in the requests of a provider, as fairlead.yaml has it.
// Must never allow a rule about a field that policy rests on, in whatever spelling.

import { z } from "zod";
import type { BodyRules } from "./api/body-rules.ts";

/** Most fields in one list of rules, and most characters of one value as JSON. */
const FIELDS_MAX = 64;
const VALUE_LENGTH_MAX = 65_536;

/** Fields by which a turn is routed, counted, judged or answered, in any dialect. */
const POLICY_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "modelid",
  "messages",
  "input",
  "contents",
  "system",
  "systeminstruction",
  "system_instruction",
  "instructions",
  "prompt",
  "stream",
  "stream_options",
  "tools",
  "toolconfig",
  "functions",
  "tool_choice",
  "conversation",
  "previous_response_id",
  "thread",
  "background",
  "store",
  "x-routing-hints",
  "x-fallback-chain",
]);

const fieldName = z
  .string()
  .regex(/^[\x20-\x7e]{1,128}$/, "expected the name of a top-level field");

const isPolicy = (name: string): boolean => POLICY_FIELDS.has(name.toLowerCase());
const IS_POLICY = "names a field that the gateway routes and judges by";

const jsonValue = z.unknown().refine((value) => jsonText(value).length <= VALUE_LENGTH_MAX, {
  error: `is longer than ${VALUE_LENGTH_MAX} characters`,
});

const values = () =>
  z
    .record(fieldName, jsonValue)
    .refine((fields) => Object.keys(fields).length <= FIELDS_MAX, {
      error: `holds more than ${FIELDS_MAX} fields`,
    })
    .refine((fields) => !Object.keys(fields).some(isPolicy), { error: IS_POLICY })
    .default({});

export const bodyRulesSchema = z
  .strictObject({
    set: values().describe("Fields that get this value, whatever the client sent."),
    default: values().describe("Fields that get this value where the client sent none."),
    remove: z
      .array(fieldName)
      .max(FIELDS_MAX)
      .refine((names) => !names.some(isPolicy), { error: IS_POLICY })
      .default([])
      .describe("Fields that are taken out."),
  })
  .superRefine((rules, context) => {
    const lists = [Object.keys(rules.set), Object.keys(rules.default), [...new Set(rules.remove)]];
    const names = lists.flat();
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice === undefined) return;
    context.addIssue({ code: "custom", message: `names ${twice} in two of its lists` });
  })
  .optional()
  .describe(
    "Changes to top-level fields of requests to this provider, in its own dialect. Model, messages, tools and " +
      "whatever else the gateway goes by cannot be changed; embeddings stay as they are.",
  );

/** Null: nothing is changed. */
export function makeBodyRules(entry: z.output<typeof bodyRulesSchema>): BodyRules | null {
  if (entry === undefined) return null;
  const texts = (fields: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> =>
    new Map(Object.entries(fields).map(([name, value]) => [name, jsonText(value)]));
  const rules = {
    set: texts(entry.set),
    defaults: texts(entry.default),
    remove: new Set(entry.remove),
  };
  const count = rules.set.size + rules.defaults.size + rules.remove.size;
  return count === 0 ? null : rules;
}

/** YAML knows nothing that JSON would not write, but for a value that is missing. */
function jsonText(value: unknown): string {
  return JSON.stringify(value ?? null);
}
