// Walks every cell of the transition tables, and holds the specification to the same tables.
// Must never skip a cell: the tables are total, and so is the walk.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { nextLife, restoreLife } from "../../src/conversation/conversation.machine.ts";
import { nextPin, restorePin } from "../../src/conversation/pin.machine.ts";
import { nextThread, restoreThread } from "../../src/conversation/thread.machine.ts";
import {
  LIFE_TABLE,
  PIN_TABLE,
  THREAD_TABLE,
  USUAL_LIFE,
  USUAL_PIN,
  USUAL_THREAD,
} from "./transition-table.ts";
import type { Case, EventLike, SnapshotLike } from "./transition-table.ts";

type AnyCell = "ignored" | readonly Case<string, EventLike>[];
type Rows = readonly (readonly [state: string, cells: Readonly<Record<string, AnyCell>>])[];

interface Walked {
  readonly name: string;
  readonly rows: Rows;
  /** Every example of the table as it runs, and beside it every other mix of start and event. */
  readonly walk: () => void;
}

interface Machine<Snapshot extends SnapshotLike, Event extends EventLike> {
  readonly name: string;
  readonly rows: Rows;
  readonly usual: Readonly<Record<string, Snapshot>>;
  readonly next: (snapshot: Snapshot, event: Event) => Snapshot;
  readonly restore: (stored: unknown) => Snapshot;
  readonly isEvent: (event: EventLike) => event is Event;
}

/** All examples in the table are events of its machine: `Table` has checked that at compile time. */
const trusted = <Event extends EventLike>() => ({
  isEvent: (event: EventLike): event is Event => event.type.length > 0,
});

function casesOf(cell: AnyCell | undefined): readonly Case<string, EventLike>[] {
  return cell === undefined || cell === "ignored" ? [] : cell;
}

function walkTable<Snapshot extends SnapshotLike, Event extends EventLike>(
  machine: Machine<Snapshot, Event>,
): void {
  const allCells = machine.rows.flatMap(([, cells]) => Object.entries(cells));
  for (const [state, cells] of machine.rows) {
    const starts = startsOf(machine, state, cells);
    for (const [name, cell] of Object.entries(cells)) {
      const title = `${machine.name}: ${state} × ${name}`;
      for (const { to, when, examples, given } of casesOf(cell)) {
        const start = machine.restore({ value: state, context: given ?? starts[0]?.context });
        for (const event of examples.filter(machine.isEvent)) {
          assert.equal(machine.next(start, event).value, to, `${title} (${when})`);
        }
      }
      const sameName = allCells.filter(([other]) => other === name);
      const events = sameName.flatMap(([, other]) => casesOf(other).flatMap((way) => way.examples));
      assert.ok(events.length > 0, `${title} has an event to try`);
      const targets = casesOf(cell).map((way) => way.to);
      for (const start of starts) {
        for (const event of events.filter(machine.isEvent)) {
          const after = machine.next(start, event);
          if (cell === "ignored") assert.equal(after, start, `${title} is ignored`);
          else assert.ok(targets.includes(after.value), `${title} led to ${after.value}`);
        }
      }
    }
  }
}

/** The usual snapshot of a state first, then every other context its examples start from. */
function startsOf<Snapshot extends SnapshotLike, Event extends EventLike>(
  machine: Machine<Snapshot, Event>,
  state: string,
  cells: Readonly<Record<string, AnyCell>>,
): readonly Snapshot[] {
  const ways = Object.values(cells).flatMap((cell) => casesOf(cell));
  const given = ways.flatMap((way) => (way.given === undefined ? [] : [way.given]));
  const contexts = [machine.usual[state]?.context, ...given];
  return contexts.map((context) => machine.restore({ value: state, context }));
}

function walked<Snapshot extends SnapshotLike, Event extends EventLike>(
  machine: Machine<Snapshot, Event>,
): Walked {
  return { name: machine.name, rows: machine.rows, walk: () => walkTable(machine) };
}

const MACHINES: readonly Walked[] = [
  walked({
    name: "life",
    rows: Object.entries(LIFE_TABLE),
    usual: USUAL_LIFE,
    next: nextLife,
    restore: restoreLife,
    ...trusted<Parameters<typeof nextLife>[1]>(),
  }),
  walked({
    name: "pin",
    rows: Object.entries(PIN_TABLE),
    usual: USUAL_PIN,
    next: nextPin,
    restore: restorePin,
    ...trusted<Parameters<typeof nextPin>[1]>(),
  }),
  walked({
    name: "thread",
    rows: Object.entries(THREAD_TABLE),
    usual: USUAL_THREAD,
    next: nextThread,
    restore: restoreThread,
    ...trusted<Parameters<typeof nextThread>[1]>(),
  }),
];

const SPECIFICATION = readFileSync(
  new URL("../../docs/conversation-spec.md", import.meta.url),
  "utf8",
);

/** The lines between `<!-- table: name -->` and `<!-- end -->` of the specification. */
function tableInSpecification(name: string): string {
  const [, after] = SPECIFICATION.split(`<!-- table: ${name} -->\n`);
  assert.ok(after !== undefined, `docs/conversation-spec.md has a table named ${name}`);
  return after.split("<!-- end -->")[0]?.trim() ?? "";
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** States down, events across, in each cell the states it may lead to. */
function overview(rows: Rows): string {
  const events = Object.keys(rows[0]?.[1] ?? {});
  const body = rows.map(([state, cells]) => {
    const targets = events.map((event) => {
      const names = new Set(casesOf(cells[event]).map((way) => way.to));
      return names.size === 0 ? "ignored" : [...names].join(", ");
    });
    return line([`**${state}**`, ...targets]);
  });
  const head = line(["in", ...events.map((event) => `\`${event}\``)]);
  return [head, line(["---", ...events.map(() => "---")]), ...body].join("\n");
}

/** One line for each way an event can go, in the order in which the conditions are tried. */
function conditions(rows: Rows): string {
  const body = rows.flatMap(([state, cells]) =>
    Object.entries(cells).flatMap(([event, cell]) =>
      casesOf(cell).map((way) => line([state, `\`${event}\``, way.when, way.to])),
    ),
  );
  return [line(["in", "event", "when", "to"]), line(["---", "---", "---", "---"]), ...body].join(
    "\n",
  );
}

for (const { name, rows, walk } of MACHINES) {
  test(`Every event does in every state of the ${name} machine what the table says (C2, C7)`, walk);

  test(`The specification shows the ${name} machine as the code has it (C7)`, () => {
    assert.equal(tableInSpecification(name), overview(rows));
    assert.equal(tableInSpecification(`${name} conditions`), conditions(rows));
  });
}
