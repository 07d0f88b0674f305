// A reporter for `node --test`: one line of JSON per test that really ran, so that a silent empty run cannot pass.
export default async function* counts(events) {
  for await (const event of events) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { file, name, details, skip, todo } = event.data;
    // A file without tests is reported as one test of the file's own name.
    if (details?.type === 'suite' || skip !== undefined || todo !== undefined || file === undefined || name === file) continue;
    yield `${JSON.stringify(file)}\n`;
  }
}
