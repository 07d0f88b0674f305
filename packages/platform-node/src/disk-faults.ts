import { DiskFault, type DiskFaultKind } from '@quorate/base';

const FAULT_KINDS: Readonly<Record<string, DiskFaultKind>> = { ENOSPC: 'full', EDQUOT: 'full', ENOENT: 'missing', EEXIST: 'exists' };

/** What a call of the system ended with. */
export function diskFault(operation: string, path: string, cause: unknown): DiskFault {
  if (cause instanceof DiskFault) return cause;
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? '';
  return new DiskFault(FAULT_KINDS[code] ?? 'io', operation, path === '' ? '.' : path, { cause });
}

/** Calls, and makes a `DiskFault` of what it throws. */
export function attempt<T>(operation: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    throw diskFault(operation, path, thrown);
  }
}
