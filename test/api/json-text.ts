// JSON text for property tests: the same value written in the many ways that the grammar allows,
// and an oracle that judges a body with JSON.parse and a tokenizer of its own. Must never use the
// code under test.

import fc from "fast-check";

/** An object as a list of members, so that a name may stand in it twice. */
export type Members = readonly (readonly [string, unknown])[];

const NAMES = ["model", "messages", "a", "", "__proto__", "größe", "\ud83d\ude00", 'q"\\', "\n"];
const SPACES = ["", "", "", " ", "\n", "\t", "\r\n  "];

export const memberName = fc.oneof(
  fc.constantFrom(...NAMES),
  fc.string({ unit: "binary", maxLength: 12 }),
);
const memberValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3, stringUnit: "binary" }),
  fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 5 }),
);

/** Members without a repeated name. */
export const uniqueMembers = fc.uniqueArray(fc.tuple(memberName, memberValue), {
  selector: ([name]) => name,
  maxLength: 8,
});
/** Members among which a name may be repeated. */
export const anyMembers = fc.array(fc.tuple(memberName, memberValue), { maxLength: 5 });
/** Where the writer takes its choices from: which whitespace, which characters to escape. */
export const choices = fc.infiniteStream(fc.nat({ max: 255 }));

/** Writes the members as one JSON object. */
export function writeObject(members: Members, random: Iterator<number>): string {
  const space = () => SPACES[pick(random) % SPACES.length] ?? "";
  const written = members.map(([name, value]) => {
    const key = space() + writeString(name, random) + space();
    return `${key}:${space()}${writeValue(value, random)}${space()}`;
  });
  return `${space()}{${written.join(",") || space()}}${space()}`;
}

function writeValue(value: unknown, random: Iterator<number>): string {
  if (typeof value === "string") return writeString(value, random);
  if (typeof value === "number" && pick(random) < 128) return value.toExponential();
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (!Array.isArray(value)) return writeObject(Object.entries(value), random);
  const space = () => SPACES[pick(random) % SPACES.length] ?? "";
  const written = value.map((member) => space() + writeValue(member, random) + space());
  return `[${written.join(",") || space()}]`;
}

function writeString(text: string, random: Iterator<number>): string {
  let written = "";
  for (const character of text) {
    const plain = JSON.stringify(character).slice(1, -1);
    if (character === "/" && pick(random) < 128) written += "\\/";
    else if (pick(random) < 224) written += plain;
    else written += character.split("").map(escapeUnit).join("");
  }
  return `"${written}"`;
}

function escapeUnit(unit: string): string {
  const digits = unit.charCodeAt(0).toString(16).padStart(4, "0");
  return `\\u${digits}`;
}

function pick(random: Iterator<number>): number {
  return Number(random.next().value);
}

/** What must become of a body, by JSON.parse and by counting brackets. */
export function judge(body: Buffer, depthMax: number): "accept" | "refuse" {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return "refuse";
    throw error;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "refuse";
  return hasRepeatedName(text) || depthOf(text) > depthMax ? "refuse" : "accept";
}

function tokensOf(text: string): string[] {
  return text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g) ?? [];
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const token of tokensOf(text)) {
    if (token === "{" || token === "[") depth += 1;
    if (token === "}" || token === "]") depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

function hasRepeatedName(text: string): boolean {
  const names: unknown[] = [];
  let depth = 0;
  const tokens = tokensOf(text);
  for (const [index, token] of tokens.entries()) {
    if (token === "{" || token === "[") depth += 1;
    if (token === "}" || token === "]") depth -= 1;
    if (depth === 1 && tokens[index + 1] === ":") names.push(JSON.parse(token));
  }
  return new Set(names).size !== names.length;
}
