// Makes a plausible value for a JSON schema: tool arguments and structured answers of the
// simulator.
// Must never recurse without bound (schemas may refer to themselves) nor pick a value that could do
// harm.

export interface Sampling {
  /** What the user asked for; questions and file names are taken from it. May be empty. */
  readonly hint: string;
  /** 0 is the first choice; 1 is another valid value where the schema leaves room for one. */
  readonly variant: 0 | 1;
}

type Schema = Readonly<Record<string, unknown>>;

const DEPTH_MAX = 8;
/** Values in one sample. Depth alone is no bound: a schema may refer to itself many times over. */
const VALUES_MAX = 500;
const ARRAY_ITEMS_MAX = 4;
const TEXT_CHARACTERS_MAX = 80;
const PADDED_CHARACTERS_MAX = 1_000;

/** Plain data that fits `schema`: type, enum, const, required, local $ref and simple bounds. */
export function sampleSchema(schema: Schema, sampling: Sampling): unknown {
  const context = { root: schema, ...sampling, values: { left: VALUES_MAX } };
  return sample({ schema, name: "", depth: 0 }, context);
}

interface Place {
  readonly schema: Schema;
  /** Property name the value is for; says more than the type what would be plausible. */
  readonly name: string;
  readonly depth: number;
}

interface Context extends Sampling {
  readonly root: Schema;
  /** Counted down over the whole sample. */
  readonly values: { left: number };
}

function sample(place: Place, context: Context): unknown {
  context.values.left -= 1;
  if (place.depth > DEPTH_MAX || context.values.left < 0) return null;
  const schema = place.schema;
  const inner = resolveOutward(place, context);
  if (inner !== null) return sample({ ...place, schema: inner, depth: place.depth + 1 }, context);
  const given = givenValues(schema, context.variant);
  if (given.length > 0)
    return "default" in schema ? given[0] : (given[context.variant] ?? given[0]);
  switch (typeOf(schema)) {
    case "object":
      return sampleObject(place, context);
    case "array":
      return sampleArray(place, context);
    case "string":
      return sampleString(place, context);
    case "integer":
    case "number":
      return sampleNumber(schema, context.variant);
    case "boolean":
      return context.variant === 1;
    default:
      return null;
  }
}

/** The schema that `$ref`, `anyOf`, `oneOf` or `allOf` leads to; null when there is none. */
function resolveOutward(place: Place, context: Context): Schema | null {
  const { schema } = place;
  if (typeof schema["$ref"] === "string") return resolveReference(schema["$ref"], context.root);
  for (const keyword of ["anyOf", "oneOf"]) {
    const choices = asArray(schema[keyword]).filter(isSchema);
    const chosen = choices.find((choice) => choice["type"] !== "null") ?? choices[0];
    if (chosen !== undefined) return chosen;
  }
  const parts = asArray(schema["allOf"]).filter(isSchema);
  if (parts.length === 0) return null;
  return {
    type: "object",
    properties: Object.assign({}, ...parts.map((part) => part["properties"] ?? {})),
    required: parts.flatMap((part) => asArray(part["required"])),
  };
}

function resolveReference(reference: string, root: Schema): Schema {
  let found: unknown = root;
  for (const step of reference.split("/").slice(1)) {
    found = isSchema(found) ? found[step] : undefined;
  }
  return isSchema(found) ? found : {};
}

/** Values the schema itself names, best first. One lone default leaves room for another value. */
function givenValues(schema: Schema, variant: 0 | 1): readonly unknown[] {
  if ("const" in schema) return [schema["const"]];
  const listed = [...asArray(schema["enum"]), ...asArray(schema["examples"])];
  if (!("default" in schema)) return listed;
  const others = listed.filter((value) => value !== schema["default"]);
  return variant === 1 ? others : [schema["default"], ...others];
}

function typeOf(schema: Schema): unknown {
  const type = schema["type"];
  if (Array.isArray(type)) return type.find((name) => name !== "null");
  return type ?? (isSchema(schema["properties"]) ? "object" : "string");
}

function sampleObject(place: Place, context: Context): Record<string, unknown> {
  const properties = isSchema(place.schema["properties"]) ? place.schema["properties"] : {};
  const sampled: Record<string, unknown> = {};
  for (const name of asArray(place.schema["required"])) {
    if (typeof name !== "string") continue;
    const property = properties[name];
    const schema = isSchema(property) ? property : {};
    sampled[name] = sample({ schema, name, depth: place.depth + 1 }, context);
  }
  return sampled;
}

function sampleArray(place: Place, context: Context): unknown[] {
  const items = isSchema(place.schema["items"]) ? place.schema["items"] : {};
  const count = Math.min(Math.max(numberOr(place.schema["minItems"], 1), 0), ARRAY_ITEMS_MAX);
  const item = { schema: items, name: place.name, depth: place.depth + 1 };
  return Array.from({ length: count }, () => sample(item, context));
}

const FORMATS: Readonly<Record<string, readonly [string, string]>> = {
  date: ["2026-01-15", "2026-01-16"],
  "date-time": ["2026-01-15T09:00:00Z", "2026-01-16T09:00:00Z"],
  time: ["09:00:00Z", "10:00:00Z"],
  email: ["someone@example.com", "someone.else@example.com"],
  uri: ["https://example.com/", "https://example.com/other"],
  url: ["https://example.com/", "https://example.com/other"],
  uuid: ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"],
};

function sampleString(place: Place, context: Context): string {
  const format = FORMATS[String(place.schema["format"])];
  if (format !== undefined) return format[context.variant];
  const text = plausibleText(place.name.toLowerCase(), context.hint)[context.variant];
  const longest = Math.max(numberOr(place.schema["maxLength"], TEXT_CHARACTERS_MAX), 0);
  const shortest = Math.min(numberOr(place.schema["minLength"], 0), PADDED_CHARACTERS_MAX);
  return text.slice(0, longest).padEnd(shortest, "x");
}

/** First choice and another one. */
function plausibleText(name: string, hint: string): readonly [string, string] {
  // Real agents may run what a simulated model proposes, so commands and code must do nothing.
  if (/command|cmd|script|shell/.test(name)) return ["echo simulated", "echo simulated again"];
  if (/code|expression/.test(name)) return ["1 + 1", "2 + 2"];
  const words = hint.replace(/\s+/g, " ").trim();
  if (/path|file|dir/.test(name)) {
    return [/[\w./-]*\w\.[a-z]{1,5}\b/.exec(words)?.[0] ?? "simulated.txt", "README.md"];
  }
  if (/url|uri/.test(name)) return ["https://example.com/", "https://example.com/other"];
  if (/city|location|place/.test(name)) {
    return [/\b(?:in|at|for|of) ([A-Z]\p{L}+)/u.exec(words)?.[1] ?? "Lisbon", "Oslo"];
  }
  if (/query|question|text|prompt|input|search|task|message|topic/.test(name) && words !== "") {
    const asked = words.slice(0, TEXT_CHARACTERS_MAX);
    return [asked, asked.split(" ").slice(0, 3).join(" ")];
  }
  return ["simulated", "simulated again"];
}

function sampleNumber(schema: Schema, variant: 0 | 1): number {
  const exclusive = numberOr(schema["exclusiveMinimum"], -Infinity);
  const least = Math.max(numberOr(schema["minimum"], 1), exclusive + 1);
  const step = Math.max(numberOr(schema["multipleOf"], 1), 0) || 1;
  const most = numberOr(schema["maximum"], Infinity);
  const first = Math.min(Math.ceil(least / step) * step, most);
  return variant === 1 && first + step <= most ? first + step : first;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
}
