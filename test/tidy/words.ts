// How a file is named and opened, and which constructs say that somebody gave up.
// Must never list a word that has an honest use here: the rule would be worked round instead of kept.

import { isProduct } from "./layers.ts";
import { findAll, violationAt, type Rule } from "./rule.ts";

const BANNED_NAMES =
  /^(?:utils?|helpers?|common|types?|core|managers?|services?|handlers?|misc|shared|index)$/;

/** `index` is only bad alone (a barrel); the others also at the end, as in `stream-utils`. */
function bannedWordIn(segment: string): string | null {
  const stem = segment.replace(/\..*$/, "");
  const last = stem.split("-").at(-1) ?? stem;
  if (BANNED_NAMES.test(stem)) return stem;
  return last !== "index" && BANNED_NAMES.test(last) ? last : null;
}

const namesSaySomething: Rule = {
  title: "files and folders of the product are named for what is in them",
  check(source) {
    if (!isProduct(source)) return [];
    return source.path
      .split("/")
      .map(bannedWordIn)
      .filter((word) => word !== null)
      .map((word) =>
        violationAt(source, 0, `"${word}" says nothing about what is in it: name the thing`),
      );
  },
};

const filesOpenWithAComment: Rule = {
  title: "every file of the product opens with a comment on what it is for",
  check(source) {
    const opening = source.raw.replace(/^#![^\n]*\n/, "").trimStart();
    if (!isProduct(source) || /^\/[/*]\*?\s*\S/.test(opening)) return [];
    return [
      violationAt(
        source,
        0,
        "open with 1 to 5 lines: what the file is for and what it must never do",
      ),
    ];
  },
};

const noAny: Rule = {
  title: "nothing is typed `any`",
  check: (source) =>
    findAll(source, {
      text: source.code,
      pattern: /(?<![.\w$])any(?![\w$])(?!\s*[(:?])|\bz\s*\.\s*any\s*\(/g,
      message: () => "`any` switches the compiler off: use `unknown` and check it",
    }),
};

const noSilencedCompiler: Rule = {
  title: "no comment silences the compiler or the linter for a whole file",
  check: (source) =>
    findAll(source, {
      text: source.comments,
      pattern: /@ts-(?:ignore|expect-error|nocheck)|(?:oxlint|eslint)-disable(?!-)(?:\s|$)/g,
      message: ([word]) =>
        `\`${word.trim()}\` hides faults: mend the type, or disable one rule on one line`,
    }),
};

const noSwallowedErrors: Rule = {
  title: "no catch is empty, not even with a comment in it",
  check: (source) => {
    const message = (): string =>
      "an empty catch hides faults: handle the error, or return a value that says so";
    const blocks = findAll(source, {
      text: source.code,
      pattern: /\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}/g,
      message,
    });
    const calls = findAll(source, {
      text: source.code,
      pattern: /\.\s*catch\s*\(\s*(?:\([^)]*\)|[\w$]+)\s*=>\s*\{\s*\}\s*,?\s*\)/g,
      message,
    });
    return [...blocks, ...calls];
  },
};

const noLoneTests: Rule = {
  title: "no test runs alone",
  check: (source) =>
    findAll(source, {
      text: source.code,
      pattern: /\.\s*only\s*\(|\bonly\s*:\s*true\b/g,
      message: () => "`only` leaves every other test out",
    }),
};

const noDefaultExports: Rule = {
  title: "nothing is exported as default: a thing has one name everywhere",
  check: (source) =>
    findAll(source, {
      text: source.code,
      pattern: /\bexport\s+default\b|\bas\s+default\b/g,
      message: () => "export it by its name",
    }),
};

export const WORD_RULES: readonly Rule[] = [
  namesSaySomething,
  filesOpenWithAComment,
  noAny,
  noSilencedCompiler,
  noSwallowedErrors,
  noLoneTests,
  noDefaultExports,
];
