/** How the cables between all nodes can be cut at once. */
export type PartitionForm = 'isolate' | 'halves' | 'bridge' | 'ring';

/**
 * The pairs of nodes, by place, whose cable is cut; none if there are too few nodes for the form. `first`: the node that is alone, in the middle, or
 * at the beginning.
 */
export function cutPairs(form: PartitionForm, count: number, first: number): (readonly [number, number])[] {
  const cut: (readonly [number, number])[] = [];
  if (count < (form === 'ring' ? 4 : 3)) return cut;
  const placeOf = (at: number): number => (at + count - first) % count;
  for (let a = 0; a < count; a++) for (let b = a + 1; b < count; b++) if (!isLeft(form, count, placeOf(a), placeOf(b))) cut.push([a, b]);
  return cut;
}

function isLeft(form: PartitionForm, count: number, a: number, b: number): boolean {
  const half = count >> 1;
  switch (form) {
    case 'isolate':
      return a !== 0 && b !== 0;
    case 'halves':
      return a < half === b < half;
    case 'bridge':
      // The first talks to both halves.
      return a === 0 || b === 0 || a <= half === b <= half;
    case 'ring':
      return Math.abs(a - b) === 1 || Math.abs(a - b) === count - 1;
  }
}
