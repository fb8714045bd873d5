// A receipt in plain words: why a turn went where it went, for somebody who has never seen the configuration.
// Pure. Must never say more than the receipt holds.

import type { Receipt } from "./receipt.ts";

/** Most lines of one kind that are shown. */
const LINES_MAX = 20;

/** The explanation as text, a thought a line. */
export function explainReceipt(receipt: Receipt): string {
  const parts = [
    opening(receipt),
    conversation(receipt),
    route(receipt),
    attempts(receipt),
    pin(receipt),
    divergence(receipt),
    money(receipt),
    receipt.warnings.map((warning) => `Note: ${warning}`),
  ];
  return `${parts.flat().join("\n")}\n`;
}

function opening(receipt: Receipt): string[] {
  const asked =
    `At ${receipt.timestamp} key "${receipt.caller}" of tenant "${receipt.tenant}" asked for ` +
    `model "${receipt.requested_model}" under profile ${receipt.profile}.`;
  const { winner } = receipt.routing;
  const ends: Record<string, string> = {
    completed: `It was answered by ${winner}.`,
    aborted: "The client went away before the end; what had been used until then is counted.",
    cut: `The answer of ${winner ?? "the provider"} broke off; the client got an error event.`,
    ended: "No model was asked: the conversation had ended, and the gateway said so itself.",
    failed: `It failed: ${receipt.error?.message ?? "no reason was recorded."} (${receipt.error?.code ?? "unknown"})`,
  };
  return [asked, ends[receipt.outcome] ?? `It ended as "${receipt.outcome}".`];
}

function conversation(receipt: Receipt): string[] {
  const known = receipt.conversation;
  if (known === null) {
    return ["It belonged to no conversation, so nothing was pinned or watched (stateless path)."];
  }
  const kind = known.thread_kind === "main" ? "main thread" : `${known.thread_kind} thread`;
  const lines = [
    `It was turn ${known.turn} of conversation "${known.id}" (named by ${known.identity}), ` +
      `${kind}, found by ${known.thread_found_by}.`,
  ];
  if (known.resend) lines.push("It was a resend of the same turn, so it brought no new evidence.");
  return lines;
}

function route(receipt: Receipt): string[] {
  const { routing } = receipt;
  if (routing.winner === null && routing.planned.length === 0) return excluded(receipt);
  const lines = [
    `Route: ${routing.reason} (${routing.strategy}; ${routing.candidates_evaluated} candidates looked at).`,
  ];
  const others = routing.planned.filter(({ deployment }) => deployment !== routing.winner);
  if (others.length > 0) {
    const named = others.slice(0, LINES_MAX).map(({ deployment }) => deployment);
    lines.push(`Standing by: ${named.join(", ")}.`);
  }
  return [...lines, ...excluded(receipt)];
}

function excluded(receipt: Receipt): string[] {
  return receipt.routing.exclusions
    .slice(0, LINES_MAX)
    .map(({ deployment, reason }) => `Left out: ${deployment}: ${reason}.`);
}

function attempts(receipt: Receipt): string[] {
  const tried = receipt.fallback.attempts;
  if (tried.length < 2 && receipt.outcome === "completed") return [];
  return tried.slice(0, LINES_MAX).map((attempt, index) => {
    const why =
      attempt.code === null
        ? ""
        : ` (${attempt.code}${attempt.status === null ? "" : `, status ${attempt.status}`})`;
    const where = `${attempt.deployment} with ${attempt.key}`;
    return `Attempt ${index + 1}: ${where}: ${attempt.outcome}${why} after ${attempt.milliseconds} ms.`;
  });
}

function pin(receipt: Receipt): string[] {
  const known = receipt.pin;
  if (known === null) return [];
  const words: Record<string, string> = {
    set: `The conversation was pinned to ${known.to} by this turn.`,
    kept: `The pin was kept: ${known.to}.`,
    moved: `The pinned model was served elsewhere: from ${known.from} to ${known.to}.`,
    returned: `The pinned model was served at its home again: ${known.to}.`,
    substituted: `Another model stood in for the pinned one: ${known.to} instead of ${known.from}.`,
    none: "No pin was set or used.",
  };
  const lines = [words[known.event] ?? `Pin: ${known.event}.`];
  if (known.note !== null) lines.push(`Note: ${known.note}.`);
  return lines;
}

function divergence(receipt: Receipt): string[] {
  const lines: string[] = [];
  const { verdict, correction } = receipt;
  if (verdict !== null) {
    lines.push(
      `Loop detector: ${verdict.severity}, ${verdict.pattern}, counted ${verdict.count}, ` +
        `tools ${verdict.tools.join(", ")}.`,
    );
  }
  if (correction !== null) {
    const refused = correction.refused
      ? "; the provider refused it, so the turn went without it"
      : "";
    lines.push(
      `A correction was sent with this turn (level ${correction.level}, ${correction.pattern})${refused}.`,
    );
  } else if (receipt.corrections_carried > 0) {
    lines.push(
      `${receipt.corrections_carried} earlier correction(s) were inserted again at their place.`,
    );
  }
  // Receipts of earlier versions tell nothing of either.
  const stronger = receipt.stronger_turn ?? null;
  if (stronger !== null) {
    lines.push(
      stronger.deployment === null
        ? `A stronger model was wanted for this turn, but it stayed on its own: ${stronger.reason}.`
        : `This turn was given to the stronger model ${stronger.deployment}; the next one is back on the pin.`,
    );
  }
  for (const episode of receipt.episodes ?? []) {
    lines.push(
      `The loop ${episode.id} (${episode.pattern}, ${episode.arm}) was ${episode.outcome} after ` +
        `${episode.turns} turn(s) and ${episode.cost_usd} USD.`,
    );
  }
  for (const outcome of receipt.outcomes) {
    lines.push(
      `The correction ${outcome.correction} was ${outcome.kind} after ${outcome.turns} turn(s).`,
    );
  }
  return lines;
}

function money(receipt: Receipt): string[] {
  const { tokens, latency_ms, routing_overhead_ms } = receipt.execution;
  const estimated = tokens.estimated ? " (estimated: the provider told none)" : "";
  const cost =
    receipt.cost.total_usd === null ? "its price is not known" : `${receipt.cost.total_usd} USD`;
  return [
    `Used ${tokens.prompt} tokens in (${tokens.cached} cached) and ${tokens.completion} out${estimated}: ${cost}.`,
    `Took ${latency_ms} ms, of which ${routing_overhead_ms} ms before it was sent on.`,
  ];
}
