// Reads TypeScript and JavaScript source just well enough to search it: what is code, what it imports, what it exports.

const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^\n]|\b(?:return|typeof|case|in|of|do|else|void|await|yield|throw))\s*$/;

/** The same text with comments blanked, and the contents of strings and regular expressions too unless `keepStrings`. Positions and lines stay. */
export function codeOnly(source, { keepStrings = false } = {}) {
  const out = source.split('');
  const blank = (from, to) => {
    for (let at = from; at < to; at++) if (out[at] !== '\n') out[at] = ' ';
  };
  const blankText = (from, to) => {
    if (!keepStrings) blank(from, to);
  };
  const templates = [];
  let at = 0;
  // Scans template text from `at` to the closing backtick or the next `${`.
  const scanTemplate = () => {
    const start = at;
    while (at < source.length) {
      if (source[at] === '\\') at++;
      else if (source[at] === '`' || (source[at] === '$' && source[at + 1] === '{')) break;
      at++;
    }
    blankText(start, at);
    if (source[at] === '$') {
      templates.push(0);
      at += 2;
    } else at++;
  };
  while (at < source.length) {
    const char = source[at];
    const next = source[at + 1];
    if (char === '/' && next === '/') {
      const end = endOf(source, '\n', at);
      blank(at, end);
      at = end;
    } else if (char === '/' && next === '*') {
      const end = Math.min(source.length, endOf(source, '*/', at + 2) + 2);
      blank(at, end);
      at = end;
    } else if (char === "'" || char === '"') {
      const end = endOfQuoted(source, at, char);
      blankText(at + 1, end);
      at = end + 1;
    } else if (char === '`') {
      at++;
      scanTemplate();
    } else if (char === '/' && BEFORE_REGEX.test(out.slice(Math.max(0, at - 40), at).join(''))) {
      const end = endOfRegex(source, at);
      blank(at + 1, end);
      at = end + 1;
    } else if (templates.length > 0 && char === '{') {
      templates[templates.length - 1]++;
      at++;
    } else if (templates.length > 0 && char === '}') {
      at++;
      if (templates[templates.length - 1]-- === 0) {
        templates.pop();
        scanTemplate();
      }
    } else at++;
  }
  return out.join('');
}

function endOf(source, mark, from) {
  const at = source.indexOf(mark, from);
  return at === -1 ? source.length : at;
}

function endOfQuoted(source, start, quote) {
  let at = start + 1;
  while (at < source.length && source[at] !== quote && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1;
  return at;
}

function endOfRegex(source, start) {
  let at = start + 1;
  let inClass = false;
  while (at < source.length && source[at] !== '\n') {
    if (source[at] === '\\') at++;
    else if (source[at] === '[') inClass = true;
    else if (source[at] === ']') inClass = false;
    else if (source[at] === '/' && !inClass) break;
    at++;
  }
  return at;
}

/** Line number, from 1, of a position. */
export function lineAt(source, position) {
  let line = 1;
  for (let at = source.indexOf('\n'); at !== -1 && at < position; at = source.indexOf('\n', at + 1)) line++;
  return line;
}

/** Module specifiers that a file imports or re-exports, with their lines. */
export function importsOf(source) {
  const code = codeOnly(source);
  const text = codeOnly(source, { keepStrings: true });
  const found = [];
  // Matched on the code, where strings are blank, so a sentence in a string is never taken for an import; read from the text.
  for (const match of code.matchAll(
    /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s*|\brequire\s*\(\s*|\bcreateRequire\s*\([^()]*\)\s*\(\s*)(['"`])/g,
  )) {
    const start = match.index + match[0].length;
    const end = text.indexOf(match[1], start);
    if (end !== -1) found.push({ specifier: text.slice(start, end), line: lineAt(source, match.index) });
  }
  return found;
}

/** Declarations that a file exports itself, with line and whether a doc comment stands right before. */
export function exportsOf(source) {
  const code = codeOnly(source);
  const lines = source.split('\n');
  const found = [];
  const pattern =
    /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:function\*?|class|interface|type|const|let|enum|namespace)\s+([A-Za-z_$][\w$]*)/gm;
  for (const match of code.matchAll(pattern)) {
    const line = lineAt(source, match.index);
    const before = (lines[line - 2] ?? '').trim();
    found.push({ name: match[1], line, isDocumented: before.endsWith('*/') });
  }
  return found;
}

/** Re-exports of a file: module and the names taken, or null for all. */
export function reExportsOf(source) {
  const text = codeOnly(source, { keepStrings: true });
  const found = [];
  for (const match of text.matchAll(/^export\s+(?:type\s+)?(\*|\{[^}]*\})\s+from\s+['"]([^'"]+)['"]/gm)) {
    const names =
      match[1] === '*'
        ? null
        : match[1]
            .slice(1, -1)
            .split(',')
            .map(
              (part) =>
                part
                  .trim()
                  .replace(/^type\s+/, '')
                  .split(/\s+as\s+/)[0],
            )
            .filter((name) => name !== '');
    found.push({ specifier: match[2], names });
  }
  return found;
}
