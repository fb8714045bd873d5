// What an operator or a tool's maker says about a tool: exempt it, poll it, what tells its calls apart.
// Must never let a tool's maker do more than name the fields of its key: that is what `_meta` is trusted for.

import type { ToolRule, ToolRules } from "../../turn/profile.ts";

/** Most fields that a key from `_meta` may name. */
const KEY_FIELDS_MAX = 16;
const FIELD_CHARACTERS_MAX = 128;

/** The rule for a tool: its own name first, then the globs (`*` is any text) in their order. */
export function ruleFor(rules: ToolRules, tool: string): ToolRule | null {
  const own = Object.hasOwn(rules, tool) ? rules[tool] : undefined;
  if (own !== undefined) return own;
  for (const [pattern, rule] of Object.entries(rules)) {
    if (pattern.includes("*") && matchesGlob(pattern, tool)) return rule;
  }
  return null;
}

/** Linear in the name: each piece between stars is looked for behind the one before it. */
function matchesGlob(pattern: string, name: string): boolean {
  const pieces = pattern.split("*");
  const first = pieces[0] ?? "";
  const last = pieces.at(-1) ?? "";
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  let from = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, from);
    if (found === -1) return false;
    from = found + piece.length;
  }
  return from <= name.length - last.length;
}

/**
 * The rules with what tools say of themselves in `_meta` added: a list of fields is the key, false
 * exempts the tool. `metaKey` is where in `_meta` they say it (`…/loopKey`). What the operator said
 * of a tool stands. Anything else in `_meta` is ignored.
 */
export function withToolMeta(
  rules: ToolRules,
  tools: readonly { readonly name: string; readonly meta: unknown }[],
  metaKey: string,
): ToolRules {
  const added: Record<string, ToolRule> = {};
  for (const { name, meta } of tools) {
    const rule = metaRule(meta, metaKey);
    if (rule !== null && ruleFor(rules, name) === null) added[name] = rule;
  }
  return Object.keys(added).length === 0 ? rules : { ...rules, ...added };
}

function metaRule(meta: unknown, metaKey: string): ToolRule | null {
  if (typeof meta !== "object" || meta === null) return null;
  const key: unknown = Reflect.get(meta, metaKey);
  if (key === false) return { exempt: true };
  const isField = (field: unknown): field is string =>
    typeof field === "string" && field !== "" && field.length <= FIELD_CHARACTERS_MAX;
  if (!Array.isArray(key) || key.length === 0 || key.length > KEY_FIELDS_MAX) return null;
  return key.every(isField) ? { key } : null;
}
