// Reads a column of a SQLite row as the type the schema promises.
// Must never guess: a column of another type is a fault of the file and is thrown.

import type { SQLOutputValue } from "node:sqlite";

type Row = Readonly<Record<string, SQLOutputValue>>;

/** Throws TypeError when the column is not text. */
export function textColumn(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new TypeError(`column ${column} is not text`);
  return value;
}

/** Throws TypeError when the column is not a number. */
export function numberColumn(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw new TypeError(`column ${column} is not a number`);
  return value;
}
