// Runs a flat XState machine on plain values: one snapshot and one event in, one snapshot out.
// Must never start an actor, read a clock, or hand out a snapshot that could not be read back.

import { isDeepStrictEqual } from "node:util";
import { type AnyStateMachine, transition } from "xstate";
import { z } from "zod";

/** Longest name (deployment, model, pattern, key) a snapshot may hold, in UTF-16 code units. */
export const SNAPSHOT_TEXT_LENGTH_MAX = 512;

/** Highest turn number and count a snapshot may hold; counters stop there. */
export const SNAPSHOT_COUNT_MAX = 1_000_000_000;

/** Most faults of one snapshot that its error names. */
const FAULTS_NAMED_MAX = 3;

export interface MachineSnapshot<State extends string, Context> {
  readonly value: State;
  readonly context: Context;
}

export const snapshotText = z.string().max(SNAPSHOT_TEXT_LENGTH_MAX);
export const snapshotCount = z.int().min(0).max(SNAPSHOT_COUNT_MAX);

/** Stored bytes that are no snapshot of this machine, or an event that would make them so. */
export class SnapshotUnreadableError extends Error {
  override readonly name = "SnapshotUnreadableError";
}

/** One more, but never past what a snapshot may hold. */
export function countUp(count: number): number {
  return Math.min(count + 1, SNAPSHOT_COUNT_MAX);
}

/**
 * Checks value and context. The error names the paths at fault, never what stood there: a stored
 * row may hold anything. Throws SnapshotUnreadableError.
 */
export function readSnapshot<Snapshot>(
  machineName: string,
  schema: z.ZodType<Snapshot>,
  stored: unknown,
): Snapshot {
  const result = schema.safeParse(stored);
  if (result.success) return result.data;
  const faults = result.error.issues
    .slice(0, FAULTS_NAMED_MAX)
    .map((issue) => `${issue.path.join(".") || "snapshot"} (${issue.code})`);
  throw new SnapshotUnreadableError(`unreadable ${machineName} snapshot: ${faults.join(", ")}`);
}

/**
 * Makes the pure step of a machine. Where nothing changes the very same snapshot object comes back,
 * so a caller sees that there is nothing to write. A changed one is checked like a stored one: an
 * event with an overlong name or a fractional turn throws SnapshotUnreadableError before a write.
 */
export function makeStep<
  Snapshot extends MachineSnapshot<string, object>,
  Event extends { readonly type: string },
>(
  name: string,
  machine: AnyStateMachine,
  schema: z.ZodType<Snapshot>,
): (snapshot: Snapshot, event: Event) => Snapshot {
  return (snapshot, event) => {
    const before = machine.resolveState({ value: snapshot.value, context: snapshot.context });
    const [after] = transition(machine, before, event);
    const same =
      after.value === snapshot.value && isDeepStrictEqual(after.context, snapshot.context);
    if (same) return snapshot;
    return readSnapshot(name, schema, { value: after.value, context: after.context });
  };
}

/**
 * Names context and events of a machine for `setup({ types })`. XState looks only at the types: the
 * values stand for them and are never used.
 */
export function machineTypes<Context, Event>(
  context: Context,
  events: Event,
): { context: Context; events: Event } {
  return { context, events };
}
