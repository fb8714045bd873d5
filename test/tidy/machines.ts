// Machines are values: they are run by pure `transition`, which runs no timer, no child and no effect.
// Must never allow what would be silently ignored there (docs/adr/0002-machines-are-values.md).

import { findAll, violationAt, type Rule, type Violation } from "./rule.ts";
import { closingBracket, type SourceText } from "./source-text.ts";

const isMachine = (source: SourceText): boolean => source.path.endsWith(".machine.ts");

const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/(?<![.\w])after\s*:/g, "`after` needs a running clock: hand `now` in with the event"],
  [
    /(?<![.\w])invoke\s*:/g,
    "`invoke` needs a running actor: the flow does the work and reports a fact",
  ],
  [/\bspawn(?:Child)?\b/g, "`spawn` needs a running actor: keep plain data in the context"],
  [/(?<![.\w])history\s*:|(["'])history\1/g, "history states do not survive as plain data"],
  [/["']parallel["']/g, "a parallel transition costs three flat ones: use one more flat machine"],
  [/\b(?:createActor|interpret)\s*\(/g, "machines are run by `transition`, never by an actor"],
  [
    /\b(?:emit|log|cancel|raise|sendTo|sendParent|stopChild|enqueueActions)\s*\(/g,
    "pure `transition` does not run this action",
  ],
];

const machinesAreFlat: Rule = {
  title: "machine files hold no timers, children, history, parallel states or actors",
  check(source) {
    if (!isMachine(source)) return [];
    return FORBIDDEN.flatMap(([pattern, message]) =>
      findAll(source, { text: source.codeAndStrings, pattern, message: () => message }),
    );
  },
};

/** The one action pure `transition` carries out by itself, in the machine's own value. */
const ASSIGN = /^(?:\w+\s*\.\s*)?assign\s*(?:<[\s\S]*?>\s*)?\(/;
const NAMED = /^(["'])[\w$.-]+\1$/;

/** Splits `a, f(b, c), d` at its outer commas. Offsets are of the parts' first letters in `code`. */
function partsOf(code: string, start: number, end: number): readonly (readonly [number, number])[] {
  const parts: (readonly [number, number])[] = [];
  let from = start;
  for (let at = start; at <= end; at += 1) {
    if ("([{".includes(code.charAt(at)) && at < end) {
      const close = closingBracket(code, at);
      at = close === -1 ? end : close;
    } else if (at === end || code.charAt(at) === ",") {
      const skipped = /^\s*/.exec(code.slice(from, at))?.[0].length ?? 0;
      if (from + skipped < at) parts.push([from + skipped, at]);
      from = at + 1;
    }
  }
  return parts;
}

/** End of the value that starts at `start`: the next comma, semicolon or closing bracket on its own level. */
function endOfValue(code: string, start: number): number {
  for (let at = start; at < code.length; at += 1) {
    const letter = code.charAt(at);
    if (",;)]}".includes(letter)) return at;
    if ("([{".includes(letter)) {
      const close = closingBracket(code, at);
      if (close === -1) return code.length;
      at = close;
    }
  }
  return code.length;
}

/** Faults of the action, list of actions or map of named actions between two offsets. */
function faultsOfActions(source: SourceText, start: number, end: number): readonly Violation[] {
  const text = source.codeAndStrings.slice(start, end).trimEnd();
  const isReference = /^\{\s*type\s*:/.test(text);
  if (isReference || NAMED.test(text) || ASSIGN.test(text) || isNamedAssign(source, text)) {
    return [];
  }
  if (!text.startsWith("[") && !text.startsWith("{")) {
    const shown = text.split("\n")[0] ?? "";
    return [
      violationAt(source, start, `action \`${shown}\` is not an assign: it would never be run`),
    ];
  }
  return partsOf(source.code, start + 1, start + text.length - 1).flatMap(([from, to]) => {
    const key = text.startsWith("{") ? /^[^:,([{]*:\s*/.exec(source.code.slice(from, to)) : null;
    return faultsOfActions(source, from + (key?.[0].length ?? 0), to);
  });
}

/** A constant of the same file that holds an assign. */
function isNamedAssign(source: SourceText, name: string): boolean {
  if (!/^\w+$/.test(name)) return false;
  const declaration = new RegExp(String.raw`\bconst\s+${name}\b[^=]*=\s*`).exec(source.code);
  if (declaration === null) return false;
  return ASSIGN.test(source.code.slice(declaration.index + declaration[0].length));
}

const machinesOnlyAssign: Rule = {
  title: "actions of machines are assign and nothing else, since nothing else would be run",
  check(source) {
    if (!isMachine(source)) return [];
    return [...source.code.matchAll(/(?<![.\w])(?:actions|entry|exit)\s*:\s*/g)].flatMap(
      (match) => {
        const start = match.index + match[0].length;
        return faultsOfActions(source, start, endOfValue(source.code, start));
      },
    );
  },
};

export const MACHINE_RULES: readonly Rule[] = [machinesAreFlat, machinesOnlyAssign];
