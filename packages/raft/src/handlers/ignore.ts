/** The message means nothing to this role: late, doubled, or answered by another one. */
export function ignore(): void {}
