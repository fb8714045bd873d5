// The part of OpenAPI that Gemini understands in `parameters` and `responseSchema`.
// Must never let JSON Schema through: that has fields of its own (`parametersJsonSchema`).

import { isJson, textOf } from "./judge.ts";
import type { Json } from "./judge.ts";

const FIELDS: ReadonlySet<string> = new Set([
  "anyOf",
  "default",
  "description",
  "enum",
  "example",
  "format",
  "items",
  "maxItems",
  "maxLength",
  "maxProperties",
  "maximum",
  "minItems",
  "minLength",
  "minProperties",
  "minimum",
  "nullable",
  "pattern",
  "properties",
  "propertyOrdering",
  "required",
  "title",
  "type",
]);

/** Formats each type knows. */
const FORMATS: Readonly<Record<string, readonly string[]>> = {
  STRING: ["enum", "date-time"],
  NUMBER: ["float", "double"],
  INTEGER: ["int32", "int64"],
  BOOLEAN: [],
  ARRAY: [],
  OBJECT: [],
  NULL: [],
};

/** Faults of a schema and all schemas in it; `at` names its place. */
export function geminiSchemaFaults(schema: unknown, at: string): readonly string[] {
  if (!isJson(schema)) return [`${at}: a schema must be an object`];
  const { anyOf, items, properties } = schema;
  return [
    ...Object.keys(schema)
      .filter((key) => !FIELDS.has(key))
      .map((key) => `${at}: unknown key "${key}"`),
    ...typeFaults(schema, at),
    ...(Array.isArray(anyOf)
      ? anyOf.flatMap((inner, index) => geminiSchemaFaults(inner, `${at}.anyOf[${index}]`))
      : []),
    ...(items === undefined ? [] : geminiSchemaFaults(items, `${at}.items`)),
    ...(isJson(properties)
      ? Object.entries(properties).flatMap(([name, inner]) =>
          geminiSchemaFaults(inner, `${at}.properties.${name}`),
        )
      : []),
  ];
}

function typeFaults(schema: Json, at: string): readonly string[] {
  const { type, anyOf, items, properties, format, enum: values, required } = schema;
  if (type === undefined) return Array.isArray(anyOf) ? [] : [`${at}: a type is required`];
  const name = textOf(type).toUpperCase();
  const formats = FORMATS[name];
  if (formats === undefined) return [`${at}.type: no such type ${JSON.stringify(type)}`];
  const known = isJson(properties) ? Object.keys(properties) : [];
  const wanted: readonly unknown[] = Array.isArray(required) ? required : [];
  const isTexts = Array.isArray(values) && values.every((value) => typeof value === "string");
  return [
    ...(name === "ARRAY" && items === undefined ? [`${at}: an array needs items`] : []),
    ...(name === "OBJECT" && isJson(properties) && known.length === 0
      ? [`${at}.properties: must not be empty`]
      : []),
    ...(values !== undefined && (name !== "STRING" || !isTexts)
      ? [`${at}.enum: only of strings`]
      : []),
    ...(format !== undefined && !formats.includes(textOf(format))
      ? [`${at}.format: ${textOf(format)} is no format of ${name}`]
      : []),
    ...wanted
      .filter((field) => !known.includes(textOf(field)))
      .map((field) => `${at}.required: there is no property ${textOf(field)}`),
  ];
}
