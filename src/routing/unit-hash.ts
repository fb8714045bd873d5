// A number in [0, 1) from a text, evenly spread: for draws and preferences that must come out the same everywhere.
// Pure. Must never be used for secrets or fingerprints: 32 bits are too few for either.

/** FNV-1a with a final mix (murmur3's), so that texts which differ in one character land far apart. */
export function unitHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return (hash >>> 0) / 0x1_0000_0000;
}
