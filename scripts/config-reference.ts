// Renders docs/configuration.md from the schemas: the reference cannot say what the code does not.
// Run it after every change to a field: node scripts/config-reference.ts

import { writeFileSync } from "node:fs";
import { z } from "zod";
import { configSchema } from "../src/config-schema.ts";
import { profileSchema } from "../src/profiles.ts";
import { listVendors } from "../src/upstream/vendors.ts";

const TARGET = new URL("../docs/configuration.md", import.meta.url);

/** The part of JSON Schema that zod writes for these schemas. */
interface Field {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Field[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly properties?: Readonly<Record<string, Field>>;
  readonly required?: readonly string[];
  readonly items?: Field;
  readonly additionalProperties?: Field | boolean;
}

const INTRODUCTION = `# Configuration

<!-- Rendered by scripts/config-reference.ts from the schemas. Change a field there, then run it. -->

\`fairlead start --config fairlead.yaml\`, or \`FAIRLEAD_CONFIG=fairlead.yaml\`. YAML or JSON.
\`fairlead check --config fairlead.yaml\` prints every fault with its path, or what the file amounts to.
A complete example is [fairlead.example.yaml](../fairlead.example.yaml).

- Flags win over the environment, the environment over the file, the file over the defaults.
- \`\${NAME}\` in any text becomes the environment variable; a missing or empty one is a fault.
  \`$\${\` is a literal \`\${\`.
- A name that is not listed here is a fault. A name with nothing after it has its default.
- Relative paths start at the folder of the file; those given by flag or environment, at the working directory.

| flag | variable | field |
|---|---|---|
| \`--config\` | \`FAIRLEAD_CONFIG\` | the file itself |
| \`--port\` | \`FAIRLEAD_PORT\` | \`listen.port\` |
| \`--host\` | \`FAIRLEAD_HOST\` | \`listen.host\` |
| \`--store\` | \`FAIRLEAD_STORE\` | \`store\` |
| \`--ledger\` | \`FAIRLEAD_LEDGER\` | \`ledger\` |
| | \`FAIRLEAD_CATALOG_REFRESH\` | \`catalog.refresh\` |
| | \`FAIRLEAD_KEY_PEPPER\` | the pepper itself, where \`keyPepper\` is not set |
| | \`LLM_AWS_BEDROCK_REGION\` | \`region\` of every provider of the vendor \`aws-bedrock\` |
`;

const PROFILES = `## Profiles

One file per profile in the folder \`profiles\` (\`.yaml\`, \`.yml\` or \`.json\`). CHAT, AGENT, BATCH and SAVINGS come
with the package; a file with one of these names replaces it, any other adds a profile. Names are told apart
without regard to case.
`;

/** The whole text of docs/configuration.md. */
export function renderConfigReference(): string {
  return [
    INTRODUCTION,
    ...renderSections(asField(jsonSchema(configSchema)), "", "## Fields"),
    renderVendors(),
    PROFILES,
    ...renderSections(asField(jsonSchema(profileSchema)), "", ""),
  ].join("\n");
}

function jsonSchema(schema: z.ZodType): unknown {
  return z.toJSONSchema(schema, { io: "output", unrepresentable: "any" });
}

/** One table for this object, then one for every object below it. */
function renderSections(object: Field, path: string, heading: string): string[] {
  const rows: string[] = [];
  const below: string[] = [];
  for (const [name, field] of Object.entries(object.properties ?? {})) {
    const required = object.required?.includes(name) === true;
    rows.push(renderRow(name, field, required));
    const inner = findObject(field, `${path}${path === "" ? "" : "."}${name}`);
    if (inner !== null) {
      below.push(...renderSections(inner.object, inner.path, `### ${inner.path}`));
    }
  }
  const title = heading === "" ? [] : [`${heading}\n`];
  return [
    ...title,
    ["| field | value | default | |", "|---|---|---|---|", ...rows].join("\n") + "\n",
    ...below,
  ];
}

function renderRow(name: string, field: Field, required: boolean): string {
  const text = (field.description ?? "").replaceAll("|", "\\|");
  return `| \`${name}\` | ${describeValue(field)} | ${describeDefault(field, required)} | ${text} |`;
}

function describeDefault(field: Field, required: boolean): string {
  if (field.default !== undefined) {
    return `\`${JSON.stringify(field.default)}\``;
  }
  if (field.properties !== undefined) {
    return "";
  }
  return required ? "required" : "";
}

function describeValue(field: Field): string {
  if (field.anyOf !== undefined) {
    return field.anyOf.map(describeValue).join(" or ");
  }
  if (field.enum !== undefined) {
    return field.enum.map((value) => `\`${String(value)}\``).join(", ");
  }
  if (field.const !== undefined) {
    return `\`${JSON.stringify(field.const)}\``;
  }
  if (field.type === "array") {
    return `list of ${describeValue(field.items ?? {})}`;
  }
  if (field.type === "object") {
    const values = field.additionalProperties;
    return typeof values === "object" ? `names to ${describeValue(values)}` : "section";
  }
  if (field.type === "integer" || field.type === "number") {
    return describeRange(field);
  }
  if (field.type === undefined) {
    return "any value";
  }
  return field.type === "boolean" ? "true, false" : "text";
}

function describeRange({ minimum, maximum, exclusiveMinimum, type }: Field): string {
  const noun = type === "integer" ? "whole number" : "number";
  if (exclusiveMinimum !== undefined) {
    return `${noun} above ${exclusiveMinimum}`;
  }
  return maximum === undefined
    ? `${noun} from ${minimum ?? 0}`
    : `${noun} ${minimum ?? 0} … ${maximum}`;
}

/** The object a field holds, through lists and named entries; null for plain values. */
function findObject(field: Field, path: string): { object: Field; path: string } | null {
  if (field.properties !== undefined) {
    return { object: field, path };
  }
  if (field.items !== undefined) {
    return findObject(field.items, `${path}[]`);
  }
  return typeof field.additionalProperties === "object"
    ? findObject(field.additionalProperties, `${path}.NAME`)
    : null;
}

function renderVendors(): string {
  const rows = listVendors().map(({ id, dialects, baseUrl, keyVariables }) => {
    const variables = keyVariables.map((name) => `\`${name}\``).join(", ");
    return `| \`${id}\` | ${dialects.join(", ")} | ${baseUrl ?? ""} | ${variables} |`;
  });
  return [
    "## Known vendors\n",
    "For these, `id` and `keys` are enough. Without a configuration file, the ones whose variable is set are used.\n",
    "| id | dialects | base URL | variables |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function asField(value: unknown): Field {
  if (typeof value !== "object" || value === null) {
    throw new Error("a schema is an object");
  }
  return value;
}

if (import.meta.main) {
  writeFileSync(TARGET, renderConfigReference());
}
