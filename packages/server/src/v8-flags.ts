/** True if the flags of this process set a flag of V8 already, written in either way: then it stays. */
export function isFlagSet(name: string, flags: readonly string[] = process.execArgv): boolean {
  return flags.some((flag) => (flag.split('=')[0] as string).replaceAll('_', '-') === name);
}
