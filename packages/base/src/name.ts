import { utf8 } from './bytes.js';
import { QuorateError } from './errors.js';
import { LIMITS } from './limits.js';

// Control characters, and the two separators that some terminals and parsers take for the end of a line.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;
const LONE_SURROGATE = /\p{Surrogate}/u;
// Written out: what counts as white space differs between versions of Unicode, and replicas must agree (T76).
const OUTER_SPACE = /^[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff]|[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff]$/u;

/**
 * Throws `nameInvalid`, which says what is wrong and where, unless `name` can name a `kind` (stream, resource): 1 to `LIMITS.nameBytesMax` bytes of UTF-8
 * without control characters, lone surrogates and leading or trailing white space. Names are equal if their bytes are.
 */
export function checkName(kind: 'stream' | 'resource', name: string): void {
  const what = `a ${kind} name`;
  if (typeof name !== 'string') throw new QuorateError('nameInvalid', `${what} must be a string, not ${typeof name}`, { what: 'type' });
  if (name === '') throw new QuorateError('nameInvalid', `${what} must not be empty`, { what: 'empty', at: 0 });
  // Each UTF-16 unit takes at least one byte: a huge string is refused before it is looked through.
  const bytes = name.length > LIMITS.nameBytesMax ? name.length : utf8(name).length;
  if (bytes > LIMITS.nameBytesMax) {
    const atLeast = name.length > LIMITS.nameBytesMax ? 'at least ' : '';
    throw new QuorateError('nameInvalid', `${what} has at most ${LIMITS.nameBytesMax} bytes of UTF-8, this one ${atLeast}${bytes}`, {
      what: 'tooLong',
      bytes,
      max: LIMITS.nameBytesMax,
    });
  }
  const control = CONTROL.exec(name);
  if (control !== null) {
    throw new QuorateError('nameInvalid', `${what} must not contain control characters: ${codePoint(control[0])} at ${control.index}`, {
      what: 'controlCharacter',
      at: control.index,
    });
  }
  const surrogate = LONE_SURROGATE.exec(name);
  if (surrogate !== null) {
    throw new QuorateError(
      'nameInvalid',
      `${what} must be well-formed text: lone surrogate ${codePoint(surrogate[0])} at ${surrogate.index}`,
      {
        what: 'loneSurrogate',
        at: surrogate.index,
      },
    );
  }
  const space = OUTER_SPACE.exec(name);
  if (space !== null) {
    throw new QuorateError('nameInvalid', `${what} must not ${space.index === 0 ? 'start' : 'end'} with white space (at ${space.index})`, {
      what: 'space',
      at: space.index,
    });
  }
}

function codePoint(character: string): string {
  return `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}
