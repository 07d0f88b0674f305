/** Bytes of all parts. */
export function lengthOfParts(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** What lies in the parts from the byte `from` up to the byte `to`, none of it empty: views, not copies. */
export function sliceParts(parts: readonly Uint8Array[], from: number, to: number = Number.POSITIVE_INFINITY): Uint8Array[] {
  const slices: Uint8Array[] = [];
  let at = 0;
  for (const part of parts) {
    if (at >= to) break;
    const slice = part.subarray(Math.max(0, from - at), Math.max(0, Math.min(part.length, to - at)));
    if (slice.length > 0) slices.push(slice);
    at += part.length;
  }
  return slices;
}
