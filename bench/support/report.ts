// How a bench speaks: a table for people on stderr, one line of JSON for programs on stdout.
// Must never print a figure without what it is measured in.

import { availableParallelism, cpus } from "node:os";
import type { Spread } from "./statistics.ts";

const SIGNIFICANT_DIGITS = 5;

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Prints rows under a heading, first column to the left, all others to the right. */
export function sayTable(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ");
  say(line(headings));
  say(widths.map((width) => "-".repeat(width)).join("  "));
  for (const row of rows) say(line(row));
}

export function printJson(value: object): void {
  const line = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "number" ? Number(part.toPrecision(SIGNIFICANT_DIGITS)) : part,
  );
  process.stdout.write(`${line}\n`);
}

/** `12 345`, or a dash when unknown. */
export function whole(value: number | null | undefined): string {
  if (value === null || value === undefined) return "-";
  return Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, " ");
}

export function decimal(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? "-" : value.toFixed(digits);
}

export function percent(value: number | null | undefined): string {
  return value === null || value === undefined ? "-" : `${Math.round(value * 100)} %`;
}

/** `0.81 (0.79–0.84)`: the median and the range of the rounds. */
export function ranged(value: Spread | null, digits: number): string {
  if (value === null) return "-";
  const { median, low, high } = value;
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

/** What the figures were measured on, without naming the machine. */
export function describeMachine(): object {
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
  };
}
