// One source file, taken apart just far enough for the rules: what is code, what is a comment, what is a literal.
// Must never need a compiler (TypeScript 7 offers none to scripts), and must never change an offset: every view of
// a file has the length of the file, so that a hit in any view gives the true line.

type SegmentKind = "comment" | "string" | "template" | "regex";

export interface Segment {
  readonly kind: SegmentKind;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export interface SourceText {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly raw: string;
  /** Comments and the contents of literals are blanks. */
  readonly code: string;
  /** Comments are blanks, literals stand. */
  readonly codeAndStrings: string;
  /** Everything but comments is blank. */
  readonly comments: string;
  readonly segments: readonly Segment[];
}

/** Reads `raw` as TypeScript. Never throws: an unfinished literal ends with the file. */
export function readSource(path: string, raw: string): SourceText {
  const segments = scan(raw);
  const isComment = (segment: Segment): boolean => segment.kind === "comment";
  const literals = segments.filter((segment) => !isComment(segment));
  const comments = segments.filter(isComment);
  const codeAndStrings = blank(raw, comments);
  return {
    path,
    raw,
    code: blank(codeAndStrings, literals.map(insideOf(raw))),
    codeAndStrings,
    comments: blankOutside(raw, comments),
    segments,
  };
}

/** 1-based line of an offset. */
export function lineAt(source: SourceText, offset: number): number {
  let line = 1;
  for (let at = source.raw.indexOf("\n"); at !== -1 && at < offset;) {
    line += 1;
    at = source.raw.indexOf("\n", at + 1);
  }
  return line;
}

/** Lines as an editor counts them: a final newline opens no further line. */
export function linesOf(source: SourceText): readonly string[] {
  const lines = source.raw.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

/** Offset of the bracket that closes the one at `open`; -1 when it stays open. `code` must be masked. */
export function closingBracket(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    const letter = code.charAt(at);
    if ("([{".includes(letter)) depth += 1;
    if (")]}".includes(letter)) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return -1;
}

interface Reading {
  readonly raw: string;
  readonly segments: Segment[];
  /** Brace depth at which each open `${` closes, innermost last. */
  readonly holes: number[];
  braces: number;
  /** Last character of code read so far, for telling a regex from a division. */
  lastCode: number;
}

function scan(raw: string): readonly Segment[] {
  const reading: Reading = { raw, segments: [], holes: [], braces: 0, lastCode: -1 };
  for (let at = 0; at < raw.length;) at = step(reading, at);
  return reading.segments;
}

/** Reads one character of code or one whole segment, and returns where to go on. */
function step(reading: Reading, at: number): number {
  const { raw, holes } = reading;
  const letter = raw.charAt(at);
  if (raw.startsWith("//", at)) return push(reading, "comment", [at, until(raw, "\n", at)]);
  if (raw.startsWith("/*", at)) return push(reading, "comment", [at, until(raw, "*/", at + 2) + 2]);
  if (letter === '"' || letter === "'") return push(reading, "string", [at, endOfString(raw, at)]);
  if (letter === "`" || (letter === "}" && holes.at(-1) === reading.braces)) {
    if (letter === "}") holes.pop();
    return readTemplate(reading, at);
  }
  if (letter === "/" && regexMayStart(reading)) {
    const end = endOfRegex(raw, at);
    if (end !== -1) return push(reading, "regex", [at, end]);
  }
  if (letter === "{") reading.braces += 1;
  if (letter === "}") reading.braces -= 1;
  if (letter.trim() !== "") reading.lastCode = at;
  return at + 1;
}

function push(reading: Reading, kind: SegmentKind, span: readonly [number, number]): number {
  const end = Math.min(span[1], reading.raw.length);
  reading.segments.push({ kind, start: span[0], end });
  if (kind !== "comment") reading.lastCode = end - 1;
  return end;
}

function readTemplate(reading: Reading, start: number): number {
  const { raw } = reading;
  for (let at = start + 1; at < raw.length; at += 1) {
    if (raw.charAt(at) === "\\") at += 1;
    else if (raw.charAt(at) === "`") return push(reading, "template", [start, at + 1]);
    else if (raw.startsWith("${", at)) {
      reading.holes.push(reading.braces);
      return push(reading, "template", [start, at + 2]);
    }
  }
  return push(reading, "template", [start, raw.length]);
}

const WORDS_BEFORE_REGEX =
  /(?<![\w$.])(?:return|typeof|case|in|of|delete|void|throw|new|await|yield|else|do|instanceof)$/;

function regexMayStart({ raw, lastCode }: Reading): boolean {
  if (lastCode < 0) return true;
  if (/[\w$]/.test(raw.charAt(lastCode))) {
    return WORDS_BEFORE_REGEX.test(raw.slice(Math.max(0, lastCode - 12), lastCode + 1));
  }
  return !")]\"'`".includes(raw.charAt(lastCode));
}

function endOfRegex(raw: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < raw.length; at += 1) {
    const letter = raw.charAt(at);
    if (letter === "\n") return -1;
    if (letter === "\\") at += 1;
    else if (letter === "[") inClass = true;
    else if (letter === "]") inClass = false;
    else if (letter === "/" && !inClass) return at + 1;
  }
  return -1;
}

function endOfString(raw: string, start: number): number {
  const quote = raw.charAt(start);
  for (let at = start + 1; at < raw.length; at += 1) {
    const letter = raw.charAt(at);
    if (letter === "\\") at += 1;
    else if (letter === quote) return at + 1;
    else if (letter === "\n") return at;
  }
  return raw.length;
}

function until(raw: string, mark: string, from: number): number {
  const at = raw.indexOf(mark, from);
  return at === -1 ? raw.length : at;
}

/** The quotes stay, so that `f("x")` still looks like a call with an argument; `${` and its `}` go. */
function insideOf(raw: string): (segment: Segment) => Segment {
  return (segment) => ({
    kind: segment.kind,
    start: segment.start + (raw.charAt(segment.start) === "}" ? 0 : 1),
    end: segment.end - (raw.charAt(segment.end - 1) === "{" ? 0 : 1),
  });
}

const blanks = (text: string): string => text.replaceAll(/[^\n]/g, " ");

function blank(text: string, segments: readonly Segment[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const segment of segments) {
    parts.push(text.slice(at, segment.start), blanks(text.slice(segment.start, segment.end)));
    at = Math.max(at, segment.end);
  }
  return parts.join("") + text.slice(at);
}

function blankOutside(text: string, segments: readonly Segment[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const segment of segments) {
    parts.push(blanks(text.slice(at, segment.start)), text.slice(segment.start, segment.end));
    at = segment.end;
  }
  return parts.join("") + blanks(text.slice(at));
}
