// How large files, functions and lines may grow, so that each fits in a head and on a screen.
// Must never be raised for one place: a function that has to be long stands in LONG_FUNCTIONS with its reason.

import { isProduct } from "./layers.ts";
import { violationAt, type Rule } from "./rule.ts";
import { closingBracket, lineAt, linesOf, type SourceText } from "./source-text.ts";

const FILE_LINES_MAX = 400;
/** Above this a file is listed, so that its second idea is found while it is small. */
export const FILE_LINES_WISHED = 300;
const FLOW_LINES_MAX = 150;
const FUNCTION_LINES_MAX = 70;
const LINE_COLUMNS_MAX = 120;

/** `path#function` and why it may be longer. Keep it short: every entry is a debt. */
const LONG_FUNCTIONS: ReadonlyMap<string, string> = new Map([]);

const filesAreShort: Rule = {
  title: `files of the product have at most ${FILE_LINES_MAX} lines`,
  check(source) {
    const lines = linesOf(source).length;
    if (!isProduct(source) || lines <= FILE_LINES_MAX) return [];
    const message = `${lines} lines, at most ${FILE_LINES_MAX}: which second idea wants its own file?`;
    return [{ path: source.path, line: FILE_LINES_MAX + 1, message }];
  },
};

const flowIsOnePage: Rule = {
  title: `src/flow.ts has at most ${FLOW_LINES_MAX} lines: a reader learns the whole product from it`,
  check(source) {
    const lines = linesOf(source).length;
    if (source.path !== "src/flow.ts" || lines <= FLOW_LINES_MAX) return [];
    const message = `${lines} lines, at most ${FLOW_LINES_MAX}: move work into a station`;
    return [{ path: source.path, line: FLOW_LINES_MAX + 1, message }];
  },
};

const linesAreShort: Rule = {
  title: `lines have at most ${LINE_COLUMNS_MAX} columns`,
  check: (source) =>
    linesOf(source).flatMap((text, index) => {
      const columns = [...text].length;
      if (columns <= LINE_COLUMNS_MAX) return [];
      const message = `${columns} columns, at most ${LINE_COLUMNS_MAX}`;
      return [{ path: source.path, line: index + 1, message }];
    }),
};

interface FunctionSpan {
  readonly name: string;
  /** Offset of the name, or of the arrow for a function without one. */
  readonly start: number;
  readonly end: number;
}

const NOT_A_METHOD = /^(?:if|for|while|switch|catch|with|return|await|super|function)$/;

/** Functions with a body in braces, outer and inner ones alike. */
export function functionsOf(source: SourceText): readonly FunctionSpan[] {
  const { code } = source;
  const found: FunctionSpan[] = [];
  for (const match of code.matchAll(
    /=>\s*\{|([\w$#]+)\s*(?:<[^<>()]*(?:<[^<>]*>[^<>()]*)*>\s*)?\(/g,
  )) {
    const name = match[1];
    const body =
      name === undefined ? match.index + match[0].length - 1 : bodyOfCallable(code, match);
    const end = body === -1 ? -1 : closingBracket(code, body);
    if (end !== -1)
      found.push({ name: name ?? arrowName(code, match.index), start: match.index, end });
  }
  return found;
}

/** Offset of the `{` of a function or method whose name and `(` were matched; -1 for a call. */
function bodyOfCallable(code: string, match: RegExpExecArray): number {
  const isFunction =
    /\bfunction\s*\*?\s*$/.test(code.slice(0, match.index)) || match[1] === "function";
  if (!isFunction && NOT_A_METHOD.test(match[1] ?? "")) return -1;
  const close = closingBracket(code, match.index + match[0].length - 1);
  return close === -1 ? -1 : bodyAfter(code, close + 1);
}

/** Steps over a return type: a `{` after `:`, `|`, `&`, `<`, `,` or `=>` opens a type, any other one the body. */
function bodyAfter(code: string, from: number): number {
  const first = /^\s*([{:])/.exec(code.slice(from, from + 200));
  if (first === null) return -1;
  if (first[1] === "{") return from + first[0].length - 1;
  let previous = "";
  for (let at = from; at < code.length; at += 1) {
    const letter = code.charAt(at);
    if (";)]}=?".includes(letter) && !code.startsWith("=>", at)) return -1;
    if ("([{".includes(letter)) {
      if (letter === "{" && !":|&<,>".includes(previous)) return at;
      if (letter === "{" && previous === ">" && !/=>\s*$/.test(code.slice(0, at))) return at;
      const close = closingBracket(code, at);
      if (close === -1) return -1;
      at = close;
    }
    if (letter.trim() !== "") previous = code.charAt(at);
  }
  return -1;
}

function arrowName(code: string, arrow: number): string {
  const before = code.slice(Math.max(0, arrow - 400), arrow);
  return /(?:const|let)\s+([\w$]+)[^;{}]*$/.exec(before)?.[1] ?? "arrow function";
}

const functionsAreShort: Rule = {
  title: `functions have at most ${FUNCTION_LINES_MAX} lines`,
  check(source) {
    if (!isProduct(source)) return [];
    return functionsOf(source).flatMap(({ name, start, end }) => {
      const lines = lineAt(source, end) - lineAt(source, start) + 1;
      if (lines <= FUNCTION_LINES_MAX || LONG_FUNCTIONS.has(`${source.path}#${name}`)) return [];
      return [
        violationAt(source, start, `${name} has ${lines} lines, at most ${FUNCTION_LINES_MAX}`),
      ];
    });
  },
};

export const SIZE_RULES: readonly Rule[] = [
  filesAreShort,
  flowIsOnePage,
  linesAreShort,
  functionsAreShort,
];
