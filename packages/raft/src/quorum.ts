/** Members that must agree out of `voters`: any two such sets share a member. */
export function quorumSize(voters: number): number {
  return (voters >> 1) + 1;
}

/**
 * The highest value that a majority has reached, given one value for each voter: a commit index of durable indexes, a confirmed round of
 * acknowledged rounds, the last moment with a majority in contact of contact times. `-Infinity` without voters.
 */
export function quorumValue(values: number[]): number {
  // Insertion sort, descending: a group has three to seven voters, and `sort` with a comparator allocates.
  for (let i = 1; i < values.length; i++) {
    const value = values[i] as number;
    let at = i;
    while (at > 0 && (values[at - 1] as number) < value) {
      values[at] = values[at - 1] as number;
      at--;
    }
    values[at] = value;
  }
  return values[quorumSize(values.length) - 1] ?? Number.NEGATIVE_INFINITY;
}
