/**
 * What sort of failure a message tells of: equal for two runs that fail in the same way, whatever the seed, the moment, the names and the
 * numbers. A shrinker may only take away what leaves it as it is.
 */
export function failureKind(message: string): string {
  const text = message
    .replace(/^simulation failed with seed \d+: /, '')
    .replaceAll(/ ?\[at [^\]]*\]/g, '')
    .trim();
  const lines = text.split('\n').map((line) => line.trim());
  const [head = '', first = ''] = lines;
  // "guarantees broken:" says nothing without the first of them.
  const told = head.endsWith(':') ? `${head} ${first}` : head;
  return told
    .replaceAll(
      /\b(?:stream|writer|client|reader|checker|map|guarded-map|k|counter|guarded-lock|lock|guarded-election|election|n)-?\d+'*/g,
      '…',
    )
    .replaceAll(/"[^"]*"|\{.*\}/g, '…')
    .replaceAll(/\d+(?:\.\d+)?/g, (number, at: number, whole: string) => (whole[at - 1] === 'T' ? number : '#'))
    .slice(0, 300);
}
