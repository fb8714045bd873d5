// The schemas of this dialect as JSON Schema, which all others understand. Pure.
// Must never loosen a schema in silence: what is not known here is kept as it is.

import { asObject } from "./gemini-parts.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Limits that are written as strings where a number would do. */
const COUNTS: ReadonlySet<string> = new Set([
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "minProperties",
  "maxProperties",
]);
/** They say nothing about a value. */
const DROPPED: ReadonlySet<string> = new Set(["nullable", "propertyOrdering", "example"]);
/** Formats that only repeat the type. */
const OWN_FORMATS: ReadonlySet<unknown> = new Set(["enum", "float", "double", "int32", "int64"]);

/** A schema in the dialect's own words; what is already JSON Schema comes out unchanged. */
export function jsonSchemaOf(value: unknown): Record<string, unknown> {
  const schema = asObject(value);
  if (schema === null) return { type: "object" };
  const entries = Object.entries(schema).flatMap(([name, told]) => {
    if (DROPPED.has(name) || (name === "format" && OWN_FORMATS.has(told))) return [];
    return [[name, converted(name, told)] as const];
  });
  const plain = Object.fromEntries(entries);
  return schema["nullable"] === true ? orNull(plain) : plain;
}

function converted(name: string, value: unknown): unknown {
  if (name === "type") return typeof value === "string" ? value.toLowerCase() : value;
  if (COUNTS.has(name) && typeof value === "string") return Number(value);
  if (name === "items") return Array.isArray(value) ? value.map(schemaIn) : schemaIn(value);
  if (name === "anyOf") return Array.isArray(value) ? value.map(schemaIn) : value;
  const properties = name === "properties" ? asObject(value) : null;
  if (properties === null) return value;
  return Object.fromEntries(
    Object.entries(properties).map(([key, inner]) => [key, schemaIn(inner)]),
  );
}

/** A schema may also be a mere yes or no. */
function schemaIn(value: unknown): unknown {
  return asObject(value) === null ? value : jsonSchemaOf(value);
}

function orNull(schema: Schema): Record<string, unknown> {
  const { type, enum: values } = schema;
  if (typeof type !== "string") return { anyOf: [schema, { type: "null" }] };
  const listed = Array.isArray(values) ? { enum: [...values, null] } : {};
  return { ...schema, type: [type, "null"], ...listed };
}
