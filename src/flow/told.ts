// What a turn, or a person, has told of loops and corrections: the outcomes that its own commits have brought.
// Must never name what another turn told in between: every outcome stands in one receipt.

import type { ConversationRecord, EpisodeRecord } from "../conversation/record.ts";
import { toUsd } from "../receipts/price.ts";
import type { Receipt, ReceiptEpisode } from "../receipts/receipt.ts";

/** One commit: the rows it went on from, and what it made of them. */
export interface Step {
  readonly before: ConversationRecord;
  readonly after: ConversationRecord;
}

/** The outcomes that these commits of one turn have told, as the last of them left it. */
export function toldIn(steps: readonly Step[]): Pick<Receipt, "episodes" | "outcomes"> {
  const left = steps.at(-1)?.after;
  if (left === undefined) return { episodes: [], outcomes: [] };
  const episodes = new Set(
    steps.flatMap(({ before, after }) => newlyTold(before.episodes, after.episodes)),
  );
  const corrections = new Set(
    steps.flatMap(({ before, after }) => newlyTold(before.corrections, after.corrections)),
  );
  return {
    episodes: left.episodes.flatMap((one) => (episodes.has(one.id) ? receiptEpisode(one) : [])),
    outcomes: left.corrections.flatMap(({ id, outcome }) =>
      outcome === null || !corrections.has(id)
        ? []
        : [{ correction: id, kind: outcome.kind, turns: outcome.turns }],
    ),
  };
}

interface Followed {
  readonly id: string;
  readonly outcome: { readonly kind: string } | null;
}

function newlyTold(before: readonly Followed[], after: readonly Followed[]): readonly string[] {
  const had = new Map(before.map(({ id, outcome }) => [id, outcome?.kind]));
  return after.flatMap(({ id, outcome }) =>
    outcome === null || had.get(id) === outcome.kind ? [] : [id],
  );
}

function receiptEpisode({ outcome, spent, ...episode }: EpisodeRecord): readonly ReceiptEpisode[] {
  if (outcome === null) return [];
  return [
    {
      id: episode.id,
      pattern: episode.pattern,
      arm: episode.arm,
      outcome: outcome.kind,
      turns: outcome.turns,
      level: episode.level,
      corrections: episode.corrections,
      stronger_turns: episode.strongerTurns,
      tokens: { input: spent.inputTokens, output: spent.outputTokens },
      cost_usd: toUsd(spent.costNanoUsd),
      unpriced_turns: spent.unpricedTurns,
    },
  ];
}
