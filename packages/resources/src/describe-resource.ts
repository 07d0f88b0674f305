import { type FieldDescription, type ResourceDeclaration, describeFields } from '@quorate/machine';

/** The operations and events of a kind of resource as tables in Markdown, derived from its declaration. Ends with a newline. */
export function describeResource(declaration: ResourceDeclaration): string {
  const operations = Object.entries(declaration.operations).map(([name, { kind, doc, args, result, errors }]) => [
    `\`${name}\``,
    kind,
    fieldsText(describeFields(args)),
    fieldText(result.description),
    errors.map((code) => `\`${code}\``).join(', '),
    doc,
  ]);
  const events = Object.entries(declaration.events).map(([name, { doc, fields }]) => [
    `\`${name}\``,
    fieldsText(describeFields(fields)),
    doc,
  ]);
  const lines = [
    `Type \`${declaration.type}\`, version ${declaration.version}: ${declaration.doc}`,
    '',
    ...table(['operation', 'kind', 'arguments', 'result', 'errors', 'what it does'], operations),
  ];
  if (events.length > 0) lines.push('', ...table(['event', 'fields', 'when'], events));
  return `${lines.join('\n')}\n`;
}

/** What named fields may be, in words, for Markdown. */
export function fieldsText(fields: Readonly<Record<string, FieldDescription>>): string {
  return Object.entries(fields)
    .map(([name, field]) => `\`${name}\`: ${fieldText(field)}`)
    .join('; ');
}

/** What a field may be, in words, for Markdown. */
export function fieldText(field: FieldDescription): string {
  switch (field.kind) {
    case 'optional':
      return `${fieldText(field.of as FieldDescription)} or none`;
    case 'list':
      return `up to ${numberText(field.max ?? 0)} of (${fieldText(field.of as FieldDescription)})`;
    case 'record':
      return `{ ${fieldsText(field.fields ?? {})} }`;
    case 'choice':
      return (field.names ?? []).map((name) => `"${name}"`).join(' or ');
    case 'flag':
      return 'true or false';
    case 'bytes':
    case 'text':
      return `${field.kind} (${numberText(field.min ?? 0)} to ${numberText(field.max ?? 0)} bytes)`;
    case 'u16':
    case 'u32':
    case 'u53':
    case 'i53':
      return numberFieldText(field);
    default:
      return field.kind;
  }
}

function numberFieldText({ min = 0, max = 0 }: FieldDescription): string {
  const top = max === Number.MAX_SAFE_INTEGER ? '' : ` to ${numberText(max)}`;
  if (min === -Number.MAX_SAFE_INTEGER) return 'whole number';
  return `whole number from ${numberText(min)}${top}`;
}

function numberText(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)];
}
