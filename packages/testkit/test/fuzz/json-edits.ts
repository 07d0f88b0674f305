import fc from 'fast-check';

/*
 * What is changed in the structure of a JSON value: a field that is missing, has another name, stands in another place, or holds a value of
 * another type or size. The value may also become a text that is not quite JSON.
 */

type Json = unknown;

const NAMES = ['__proto__', 'constructor', 'toString', '', 'type', 'base64', 'int', 'a.b'];
/** Values of every type, and those of a type that a program may take for another. */
const VALUES: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e21,
  2 ** 53,
  '',
  '0',
  'x'.repeat(5000),
  '\ud800',
  '\u0000',
  [],
  {},
  [[[[]]]],
  { base64: 'A' },
  { base64: '/w==' },
  { int: '12345678901234567890' },
  { int: '-0' },
  // What a program that makes a text of it must not call.
  { toString: 1, valueOf: 1 },
];

type Change =
  | { readonly type: 'remove' | 'double'; readonly at: number }
  | { readonly type: 'rename'; readonly at: number; readonly name: string }
  | { readonly type: 'replace'; readonly at: number; readonly value: Json }
  | { readonly type: 'move'; readonly at: number; readonly to: number }
  | { readonly type: 'nest'; readonly at: number; readonly depth: number };

const at = fc.nat(0xffff);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ type: fc.constantFrom('remove' as const, 'double' as const), at }),
  fc.record({ type: fc.constant('rename' as const), at, name: fc.constantFrom(...NAMES) }),
  fc.record({ type: fc.constant('replace' as const), at, value: fc.constantFrom(...VALUES) }),
  fc.record({ type: fc.constant('move' as const), at, to: at }),
  fc.record({ type: fc.constant('nest' as const), at, depth: fc.constantFrom(1, 40, 20_000) }),
);

/** Stands for lists in lists so deep that no function that calls itself could handle them; put in when all is a text. */
const NESTED = /"<nest ([0-9]+)>"/g;

/** Texts of valid values with up to three changes of structure. */
export function editedJson(values: fc.Arbitrary<Json>): fc.Arbitrary<string> {
  return fc.tuple(values, fc.array(change, { maxLength: 3 })).map(([value, changes]) => {
    let changed = structuredClone(value);
    for (const one of changes) changed = changedOnce(changed, one);
    return (JSON.stringify(changed) ?? '').replace(NESTED, (_, depth: string) => '['.repeat(Number(depth)) + ']'.repeat(Number(depth)));
  });
}

interface Place {
  readonly holder: Record<string, Json>;
  readonly key: string;
}

/** Every field and item, outer ones first. */
function placesOf(value: Json): Place[] {
  const places: Place[] = [];
  const walk = (holder: Json): void => {
    if (typeof holder !== 'object' || holder === null || places.length > 1000) return;
    for (const key of Object.keys(holder)) {
      places.push({ holder: holder as Record<string, Json>, key });
      walk((holder as Record<string, Json>)[key]);
    }
  };
  walk(value);
  return places;
}

function changedOnce(value: Json, change_: Change): Json {
  const places = placesOf(value);
  const place = places[change_.at % Math.max(1, places.length)];
  if (place === undefined) return change_.type === 'replace' ? structuredClone(change_.value) : value;
  const { holder, key } = place;
  switch (change_.type) {
    case 'remove':
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 'double':
      if (Array.isArray(holder)) holder.push(structuredClone(holder[Number(key)]));
      else put(holder, `${key}2`, structuredClone(holder[key]));
      break;
    case 'rename':
      if (Array.isArray(holder)) break;
      put(holder, change_.name, holder[key]);
      delete holder[key];
      break;
    case 'replace':
      // A copy: what is changed further must not change the next case.
      put(holder, key, structuredClone(change_.value));
      break;
    case 'move': {
      const target = places[change_.to % places.length];
      if (target !== undefined) put(target.holder, target.key, structuredClone(holder[key]));
      break;
    }
    case 'nest':
      put(holder, key, `<nest ${change_.depth}>`);
      break;
  }
  return value;
}

/** Also `__proto__` as a field of its own, as a JSON text may have it. */
function put(holder: Record<string, Json>, key: string, value: Json): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}
