// Whether a region lies within what a caller asks for: a geography, or one exact region.
// Pure. Must never guess: a deployment that says nothing of its region lies nowhere.

/** Groups by their names, with the regions of several platforms that lie in them. */
const GROUPS: ReadonlyMap<string, RegExp> = new Map([
  ["us", /^(?:us|us-.+)$/],
  ["eu", /^(?:eu|eu-.+|europe-.+)$/],
  ["apac", /^(?:apac|jp|au|ap-.+|asia-.+|australia-.+)$/],
  ["jp", /^(?:jp|ap-northeast-[13]|asia-northeast[12])$/],
  ["au", /^(?:au|ap-southeast-[24]|australia-southeast\d)$/],
  ["ca", /^(?:ca|ca-.+|northamerica-northeast\d)$/],
]);

/** `asked` and `region` in any case; a region of a group lies within it, `global` within nothing but itself. */
export function liesWithin(region: string | null, asked: string): boolean {
  if (region === null) return false;
  const [here, there] = [region.toLowerCase(), asked.toLowerCase()];
  return here === there || (GROUPS.get(there)?.test(here) ?? false);
}
