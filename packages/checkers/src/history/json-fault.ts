const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** What may come next. */
type Due = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or end';

/** Column, from 1, at which a text that is no JSON stops being one: engines tell it in words of their own, or not at all. */
export function jsonFaultColumn(text: string): number {
  const closers: string[] = [];
  let due: Due = 'value';
  let at = afterBlanks(text, 0);
  while (at < text.length) {
    const unit = text[at] as string;
    const closer = closers.at(-1);
    let next = -1;
    if (due === ':') {
      if (unit === ':') [next, due] = [at + 1, 'value'];
    } else if (due === ', or end') {
      if (unit === ',' && closer !== undefined) [next, due] = [at + 1, closer === '}' ? 'name' : 'value'];
      else if (unit === closer) {
        closers.pop();
        next = at + 1;
      }
    } else if (unit === closer && (due === 'value or ]' || due === 'name or }')) {
      closers.pop();
      [next, due] = [at + 1, ', or end'];
    } else if (due === 'name' || due === 'name or }') {
      next = afterText(text, at);
      due = ':';
    } else if (unit === '{' || unit === '[') {
      closers.push(unit === '{' ? '}' : ']');
      [next, due] = [at + 1, unit === '{' ? 'name or }' : 'value or ]'];
    } else {
      next = unit === '"' ? afterText(text, at) : skip(SCALAR, text, at);
      due = ', or end';
    }
    if (next < 0) return at + 1;
    at = afterBlanks(text, next);
  }
  return text.length + 1;
}

/** Where the match at this position ends; -1 if there is none. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

function afterBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\r\n'.includes(text[at] as string)) at++;
  return at;
}

/** Where the text that begins at this position ends; -1 if none does. A loop: a pattern would need a stack as deep as the text is long. */
function afterText(text: string, from: number): number {
  if (text[from] !== '"') return -1;
  for (let at = from + 1; at < text.length; ) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) return at + 1;
    if (unit < 0x20) return -1;
    at = unit === 0x5c ? skip(ESCAPE, text, at) : at + 1;
    if (at < 0) return -1;
  }
  return -1;
}
