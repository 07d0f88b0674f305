import { LIMITS, QuorateError, utf8 } from '@quorate/base';

// Control characters, and the two separators that some terminals and parsers take for the end of a line.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;
const LONE_SURROGATE = /\p{Surrogate}/u;
// Written out: what counts as white space differs between versions of Unicode, and replicas must agree (T76).
const OUTER_SPACE = /^[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff]|[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff]$/u;

/**
 * Throws `nameInvalid`, which says what is wrong and where, unless `name` can name a resource: 1 to `LIMITS.nameBytesMax` bytes of UTF-8
 * without control characters, lone surrogates and leading or trailing white space, as for streams. Names are equal if their bytes are.
 */
export function checkResourceName(name: string): void {
  if (typeof name !== 'string') throw invalid(`must be a string, not ${typeof name}`, { what: 'type' });
  if (name === '') throw invalid('must not be empty', { what: 'empty', at: 0 });
  const max = LIMITS.nameBytesMax;
  // Each UTF-16 unit takes at least one byte: a huge string is refused before it is looked through.
  const bytes = name.length > max ? name.length : utf8(name).length;
  if (bytes > max) throw invalid(`has at most ${max} bytes of UTF-8, this one has more`, { what: 'tooLong', max });
  const control = CONTROL.exec(name);
  if (control !== null)
    throw invalid(`must not contain control characters (at ${control.index})`, { what: 'controlCharacter', at: control.index });
  const surrogate = LONE_SURROGATE.exec(name);
  if (surrogate !== null) throw invalid(`must be well-formed text (at ${surrogate.index})`, { what: 'loneSurrogate', at: surrogate.index });
  const space = OUTER_SPACE.exec(name);
  if (space !== null) throw invalid(`must not start or end with white space (at ${space.index})`, { what: 'space', at: space.index });
}

function invalid(what: string, details: { what: string; at?: number; max?: number }): QuorateError {
  return new QuorateError('nameInvalid', `a name of a resource ${what}`, details);
}
