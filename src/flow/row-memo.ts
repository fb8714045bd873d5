// Remembers how a row's text reads, so that a row this process wrote itself is not parsed and checked again.
// Must never be taken for the row: the text always comes from the store, and only the same text reads the same.

/** Most rows remembered. */
const ROWS_MAX = 2_048;

export interface RowMemo<Row> {
  /** The row that `body` reads as; throws what the reader throws. */
  read(key: string, body: string): Row;
  /** For a row just written: this text reads as this row. */
  remember(key: string, body: string, row: Row): void;
}

export function createRowMemo<Row>(parse: (body: string) => Row): RowMemo<Row> {
  const known = new Map<string, { readonly body: string; readonly row: Row }>();
  return {
    read(key, body) {
      const entry = known.get(key);
      return entry?.body === body ? entry.row : parse(body);
    },
    remember(key, body, row) {
      known.delete(key);
      known.set(key, { body, row });
      if (known.size <= ROWS_MAX) return;
      const oldest = known.keys().next();
      if (oldest.done !== true) known.delete(oldest.value);
    },
  };
}
