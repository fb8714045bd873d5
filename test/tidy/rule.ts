// What a tidy rule is: a promise about every source file, checked from its text alone.
// Must never know which rules there are: those stand beside it, by subject.

import { lineAt, type SourceText } from "./source-text.ts";

export interface Violation {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** What is wrong and what to do instead. */
  readonly message: string;
}

export interface Rule {
  /** The promise, as the title of a test. */
  readonly title: string;
  check(source: SourceText): readonly Violation[];
}

/** `path:line: message`, which terminals and editors open at the place. */
export const showViolation = (violation: Violation): string =>
  `${violation.path}:${violation.line}: ${violation.message}`;

interface Search {
  /** The view of the file to look in. */
  readonly text: string;
  /** Must be global. */
  readonly pattern: RegExp;
  message(match: RegExpExecArray): string;
}

/** One violation for each match of a pattern in one view of a file. */
export function findAll(source: SourceText, search: Search): readonly Violation[] {
  return [...search.text.matchAll(search.pattern)].map((match) => ({
    path: source.path,
    line: lineAt(source, match.index),
    message: search.message(match),
  }));
}

/** One violation at an offset. */
export function violationAt(source: SourceText, offset: number, message: string): Violation {
  return { path: source.path, line: lineAt(source, offset), message };
}
