// How far a count in one vocabulary holds for a model of another. Pure.
// Must never tell more tokens than a model can have counted itself: what might fit is not ruled out.

/** The models whose tokens are the counted ones: those that share the newest public vocabulary. */
const SAME_VOCABULARY = /(?:^|[/.:])(?:gpt-(?:4o|4\.1|4\.5|5|oss)|chatgpt-|o[134](?:-|$))/i;
/**
 * How much of the count a model of another vocabulary has at least. No tokenizer in use is known to need less than
 * three quarters for prose or code; many need more than the whole.
 */
const OTHER_VOCABULARY_SHARE = 0.75;

/** The fewest tokens this model can find in a text that was counted. */
export function tokensAtLeast(counted: number, model: string): number {
  return SAME_VOCABULARY.test(model) ? counted : Math.floor(counted * OTHER_VOCABULARY_SHARE);
}
